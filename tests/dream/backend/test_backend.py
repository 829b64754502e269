"""The contract of every backend: a frame goes through upload, warp, step and show, whatever the device."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from livedream.dream.backend.backend import Backend
from livedream.dream.backend.cpu import CpuBackend
from livedream.dream.backend.gpu import GpuBackend
from livedream.dream.backend.select import make_backend
from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.precondition import PLAIN
from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import Carry
from tests.dream.dreams import make_ascent

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHAPE = (64, 80)
FRAME = np.random.default_rng(0).integers(0, 256, (128, 160, 3), np.uint8)
SMALL = np.ascontiguousarray(FRAME[::2, ::2])
STANDING = Flow(np.zeros((*SHAPE, 2), np.float32), np.ones(SHAPE, np.float32))

each_backend = pytest.mark.parametrize(
    ("backend", "device"),
    [
        pytest.param(lambda: CpuBackend(CPU), CPU, id="cpu"),
        pytest.param(lambda: GpuBackend(CPU), CPU, id="gpu-on-cpu"),
        pytest.param(lambda: GpuBackend(CUDA), CUDA, id="gpu", marks=pytest.mark.needs_cuda),
    ],
)
MakeBackend = Callable[[], Backend]


@each_backend
def test_an_uploaded_frame_has_the_working_size(backend: MakeBackend, device: torch.device) -> None:
    image = backend().upload(FRAME, SMALL)
    assert (image.shape, image.dtype, image.device.type) == ((1, 3, *SHAPE), torch.float32, device.type)
    assert 0 <= float(image.min()) < float(image.max()) <= 255


@each_backend
@pytest.mark.parametrize("has_pending", [True, False])
def test_a_residual_without_motion_is_added_where_it_was(
    backend: MakeBackend, device: torch.device, has_pending: bool
) -> None:
    backend_ = backend()
    image = backend_.upload(FRAME, SMALL)
    residual = torch.randn(1, 3, *SHAPE, generator=torch.Generator().manual_seed(1)).to(device)
    residual = (residual - residual.mean((2, 3), keepdim=True)).contiguous(memory_format=torch.channels_last)
    pending = 2 * residual if has_pending else None
    start, warped = backend_.warp_and_add(image, Carry(residual, pending), STANDING, 0.5)
    torch.testing.assert_close(start, image + residual / 2, atol=1e-3, rtol=0)
    assert (warped is not None) == has_pending
    if warped is not None:
        torch.testing.assert_close(warped, 2 * residual, atol=1e-3, rtol=0)


@each_backend
def test_a_step_is_a_step_of_the_ascent(backend: MakeBackend, device: torch.device) -> None:
    backend_, ascent = backend(), make_ascent(device.type)
    image = backend_.upload(FRAME, SMALL)
    before = image.clone()
    for octave in (SHAPE, (45, 57)):
        stepped = backend_.step(ascent, image, octave, (3, -7), 2.0, 1.0, PLAIN)
        expected = ascent.step(image, octave, (3, -7), 2.0)
        torch.testing.assert_close(stepped, expected, atol=1e-3, rtol=0)
        assert torch.equal(image, before)


@each_backend
@pytest.mark.parametrize("strength", [0.0, 1.0])
@pytest.mark.parametrize("covered", [None, 0, 255])
def test_a_shown_frame_is_the_frame_plus_the_visible_dream(
    backend: MakeBackend, device: torch.device, strength: float, covered: int | None
) -> None:
    backend_, ascent = backend(), make_ascent(device.type)
    backend_.upload(FRAME, SMALL)
    residual = torch.full((1, 3, *SHAPE), 20.0, device=device).contiguous(memory_format=torch.channels_last)
    mask = None if covered is None else np.full(FRAME.shape[:2], covered, np.uint8)
    finish, dropped = backend_.show(ascent, FRAME, residual, strength, lambda: mask)
    added = 20 if strength and covered != 0 else 0
    assert np.array_equal(finish(), np.clip(FRAME.astype(int) + added, 0, 255))
    assert dropped == 0


@each_backend
def test_dropped_steps_are_reported_by_the_next_frame_at_the_latest(backend: MakeBackend, device: torch.device) -> None:
    backend_, ascent = backend(), make_ascent(device.type)
    residual = torch.zeros(1, 3, *SHAPE, device=device)
    reported = []
    ascent.dropped += 3
    for _ in range(2):
        backend_.upload(FRAME, SMALL)
        finish, dropped = backend_.show(ascent, FRAME, residual, 1.0, lambda: None)
        finish()
        reported.append(dropped)
    assert sorted(reported) == [0, 3]
    assert reported == ([0, 3] if backend_.composes_on_gpu else [3, 0])


@each_backend
def test_released_memory_is_allocated_again(backend: MakeBackend, device: torch.device) -> None:
    backend_, ascent = backend(), make_ascent(device.type)
    image = backend_.upload(FRAME, SMALL)
    first = backend_.step(ascent, image, SHAPE, (0, 0), 1.0, 1.0, PLAIN)
    assert not backend_.holds_spare_memory
    backend_.forget(ascent)
    backend_.free()
    image = backend_.upload(FRAME, SMALL)
    torch.testing.assert_close(backend_.step(ascent, image, SHAPE, (0, 0), 1.0, 1.0, PLAIN), first, atol=1e-3, rtol=0)


@each_backend
def test_the_duration_of_a_stage_is_measured(backend: MakeBackend, device: torch.device) -> None:
    backend_, ascent, stages = backend(), make_ascent(device.type), StageTimes()
    with backend_.measure(stages, "upload"):
        image = backend_.upload(FRAME, SMALL)
    finish, _ = backend_.show(ascent, FRAME, image - image, 1.0, lambda: None)
    finish()
    assert stages.seconds["upload"] > 0


def test_only_cuda_has_a_backend_of_its_own() -> None:
    assert isinstance(make_backend(CPU), CpuBackend)
    assert isinstance(make_backend(torch.device("mps")), CpuBackend)


@pytest.mark.needs_cuda
def test_cuda_has_the_gpu_backend() -> None:
    assert isinstance(make_backend(CUDA), GpuBackend)
