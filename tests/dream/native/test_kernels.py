"""The compiled image kernels match torch and OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.motion import residual
from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import Carry
from livedream.dream.native import kernels, library
from livedream.errors import DeviceError
from tests.dream.without import needs_kernels, without_kernels

LAST = torch.channels_last


def random(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return values.contiguous(memory_format=LAST) if len(shape) == 4 else values


@needs_kernels
def test_the_library_is_compiled() -> None:
    assert kernels.compiled


@needs_kernels
def test_a_library_of_another_version_is_reported_with_a_hint() -> None:
    with pytest.raises(DeviceError, match="another version of livedream") as refused:
        library.function("not_yet_invented")
    assert "pip install -e ." in refused.value.hint


@needs_kernels
def test_roll_and_climb_match_torch(monkeypatch) -> None:
    image = (random(2, 3, 33, 47) * 80).contiguous(memory_format=LAST)
    gradient = image.flip(2).contiguous(memory_format=LAST)
    rolled, climbed = kernels.roll(image, -5, 7), kernels.climb(image, gradient, 0.3)
    without_kernels(monkeypatch)
    assert torch.equal(rolled, kernels.roll(image, -5, 7))
    torch.testing.assert_close(climbed, kernels.climb(image, gradient, 0.3), rtol=1e-6, atol=1e-5)


@needs_kernels
def test_absolute_mean_does_not_depend_on_the_number_of_threads() -> None:
    values = random(1, 3, 61, 79)
    exact = float(values.double().abs().mean())
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(kernels.absolute_mean(values))
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1] == pytest.approx(exact, rel=1e-6)
    values[0, 0, 0, 0] = float("nan")
    assert np.isnan(kernels.absolute_mean(values))


@needs_kernels
@pytest.mark.parametrize("pending", [True, False])
def test_warped_residual_matches_opencv(pending, monkeypatch) -> None:
    maps, size = (48, 64), (96, 128)
    numbers = np.random.default_rng(0)
    vectors = numbers.normal(0, 4, (*maps, 2)).astype(np.float32)
    vectors[20:] = 0  # where the scene stands
    flow = Flow(vectors, numbers.random(maps).astype(np.float32))
    # A smooth residual: OpenCV places a pixel to 1/32 of a pixel.
    left, held, image = (
        (F.avg_pool2d(random(1, 3, *size, seed=seed) * 100, 9, 1, 4)).contiguous(memory_format=LAST)
        for seed in range(3)
    )
    state = Carry(left, held if pending else None)
    found = residual.warp_and_add(image, state, flow, 0.9)
    without_kernels(monkeypatch)
    expected = residual.warp_and_add(image, state, flow, 0.9)
    assert float((expected[0] - image).abs().mean()) > 1
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert float((one - other).abs().mean()) < 0.05


@needs_kernels
@pytest.mark.parametrize("known", [True, False])
def test_split_residual_matches_torch(known, monkeypatch) -> None:
    dream, before, image, held = ((random(1, 3, 31, 47, seed=seed) * 90 + 120) for seed in range(4))
    found = residual.split_residual(dream, before, image, held if known else None, 0.6)
    without_kernels(monkeypatch)
    expected = residual.split_residual(dream, before, image, held if known else None, 0.6)
    torch.testing.assert_close(found.carry.residual, expected.carry.residual)
    torch.testing.assert_close(found.carry.pending, expected.carry.pending, rtol=1e-5, atol=1e-3)
    assert float((found.shown - expected.shown).abs().max()) <= 0.501  # rounded


@needs_kernels
def test_added_pixels_match_opencv() -> None:
    numbers = np.random.default_rng(0)
    pixels = numbers.integers(0, 256, (33, 47, 3), np.uint8)
    residual_pixels = numbers.integers(-1020, 1021, (33, 47, 3), np.int16)
    assert np.array_equal(
        kernels.add_pixels(pixels, residual_pixels), cv2.add(pixels, residual_pixels, dtype=cv2.CV_8U)
    )
