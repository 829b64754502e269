"""The way through a GPU, walked on the CPU: all of it but graphs, streams and pinned memory, which test_cuda.py has."""

from collections.abc import Iterator
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from livedream import Dreamer, DreamSettings, models
from livedream.dream import tensors
from livedream.dream.ascent import Ascent, _gaussian_kernel
from livedream.dream.device import OnDevice
from livedream.dream.grammar import parse
from livedream.dream.graph import GraphedSteps, Octave
from livedream.dream.layers import UnfusableError
from livedream.dream.network import DreamNetwork
from livedream.dream.relief import Relief
from livedream.dream.residual import remove_mean
from livedream.errors import DeviceError
from tests.dream.dreams import likeness, make_ascent, stream

CPU = torch.device("cpu")
OBJECTIVE = parse("fire6 + 0.5*fire9:77")
QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8, device="cpu", precision="float32")


def walks_through_the_device(settings: DreamSettings = QUICK) -> Dreamer:
    dreamer = Dreamer(settings)
    dreamer._way = OnDevice(CPU)
    return dreamer


def test_dreams_as_the_other_way() -> None:
    # Seen: no level of difference for four frames. A step more and rounding tells.
    settings = QUICK.replace(working_height=120)
    ways = walks_through_the_device(settings), Dreamer(settings)
    for frame in stream(4):
        shown, other = (way(frame).pixels.astype(int) for way in ways)
        assert np.abs(shown - other).mean() < 0.05
    assert set(ways[0].stages) == set(ways[1].stages)


def test_dreams_much_as_the_other_way_of_a_frame_that_was_shrunk() -> None:
    # Without rounding here, and a dream takes such differences further. Seen: 0.93 for six frames, as between float32
    # and bfloat16; between two seeds 0.25 to 0.56.
    ways = walks_through_the_device(), Dreamer(QUICK)
    for frame in stream():
        shown, other = (way(frame).pixels for way in ways)
        assert likeness(shown, other, frame) > 0.88


def test_strength_zero_shows_the_source() -> None:
    dreamer = walks_through_the_device(QUICK.replace(strength=0))
    assert all(np.array_equal(dreamer(frame).pixels, frame.pixels) for frame in stream(2))


def test_shown_frame_is_nobodys_buffer() -> None:
    dreamer = walks_through_the_device()
    first, *rest = stream(4)
    shown = dreamer(first).pixels
    before = shown.copy()
    for frame in rest:
        dreamer(frame)
    assert np.array_equal(shown, before)


def test_another_network_dreams_from_the_next_frame_on() -> None:
    dreamer = walks_through_the_device()
    first, second = stream(2)
    dreamer(first)
    before = dreamer._way._steps
    dreamer.settings = QUICK.replace(layers="fire4")
    dreamer(second)
    assert dreamer._way._steps is not before
    assert dreamer._way._steps.ascent is dreamer._ready()


@pytest.mark.parametrize(("smoothing", "color"), [("none", 1.0), ("gaussian", 0.3), ("laplacian", 1.0)])
def test_steps_from_buffers_are_the_steps_of_the_ascent(smoothing, color) -> None:
    ascent = make_ascent(smoothing, color)
    steps = GraphedSteps(ascent, (64, 80))
    picture = (torch.rand(1, 3, 64, 80) * 255).contiguous(memory_format=torch.channels_last)
    given = picture.clone()
    for number, size in enumerate([(64, 80), (45, 57), (64, 80)]):
        shift, step_size = (3 - number, -7 * number), 1.0 + number
        wanted = ascent.step(picture, size, shift, step_size)
        found = steps.step(picture, size, shift, step_size)
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0)
        assert torch.equal(picture, given)
    assert not torch.equal(steps.step(picture, (64, 80), (5, 5), 1.0), found)  # it is not what the last step left
    assert found.data_ptr() != steps.step(picture, (64, 80), (5, 5), 1.0).data_ptr()


class Recording:
    """Stands in for a CUDA graph: what was recorded is done again, from what the buffers hold by then."""

    def __init__(self, steps: GraphedSteps, octave: Octave) -> None:
        steps._move(octave)  # the runs before a recording change picture and count
        steps.ascent.dropped += 1
        self.replay = lambda: steps._move(octave)


def test_recording_leaves_no_trace_and_is_made_once_for_each_octave(monkeypatch) -> None:
    ascent = make_ascent()
    steps = GraphedSteps(ascent, (64, 80))
    steps._recordable = True
    recorded: list[Octave] = []
    monkeypatch.setattr(steps, "_recorded", lambda octave: recorded.append(octave) or Recording(steps, octave))
    picture = torch.rand(1, 3, 64, 80) * 255
    for size, shift in (((64, 80), (1, 2)), ((45, 57), (0, 0)), ((64, 80), (-5, 9))):
        wanted = ascent.step(picture, size, shift, 1.5)
        torch.testing.assert_close(steps.step(picture, size, shift, 1.5), wanted, atol=1e-3, rtol=0)
    assert recorded == [((64, 80), 1.0), ((45, 57), 1.0)]
    assert int(ascent.dropped) == 0


def test_recording_that_fails_is_said_once_and_done_without(monkeypatch, caplog) -> None:
    ascent = make_ascent()
    steps = GraphedSteps(ascent, (64, 80))
    steps._recordable = True

    def fail(octave: Octave) -> None:
        steps._move(octave)
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(steps, "_recorded", fail)
    picture = torch.rand(1, 3, 64, 80) * 255
    for size in ((64, 80), (45, 57)):
        wanted = ascent.step(picture, size, (4, -4), 1.5)
        torch.testing.assert_close(steps.step(picture, size, (4, -4), 1.5), wanted, atol=1e-3, rtol=0)
    (record,) = caplog.records
    assert record.getMessage().endswith("recorded as CUDA graphs: operation not permitted when stream is capturing")


# Memory ---------------------------------------------------------------------------------------------------------------


class Memory:
    """Stands in for a device that is full at so many pixels: torch raises the same error there."""

    def __init__(self, monkeypatch, pixels: int) -> None:
        self.pixels = pixels
        self.seen: list[tuple[int, int]] = []
        step = Ascent.step

        def step_or_fail(ascent, picture, *how) -> Tensor:
            height, width = picture.shape[2:]
            if height * width > self.pixels:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore about it")
            self.seen.append((height, width))
            return step(ascent, picture, *how)

        monkeypatch.setattr(Ascent, "step", step_or_fail)


@pytest.mark.parametrize("prepared", [True, False])
def test_full_memory_makes_the_dream_smaller_and_says_so(monkeypatch, caplog, prepared) -> None:
    memory = Memory(monkeypatch, 4000)
    dreamer = Dreamer(QUICK)
    if prepared:
        dreamer.prepare((160, 120))
    first, *rest = stream(4)
    dreamer(first)
    assert dreamer.working_size == (45, 64)
    assert dreamer.notice == "dreaming at 70% of the working height at most, the device has no memory for more"
    assert f"{dreamer.notice}: CUDA out of memory. Tried to allocate 2.00 GiB." in caplog.text
    assert "More about it" not in caplog.text
    dreamer.relief = Relief(0.9)  # a governor with time to spare
    for frame in rest:
        shown = dreamer(frame)
    assert set(memory.seen) == {(45, 64)}
    assert shown.pixels.shape == (120, 160, 3)
    assert not np.array_equal(shown.pixels, rest[-1].pixels)


def test_memory_that_runs_short_later_costs_no_frame_and_no_dream(monkeypatch) -> None:
    memory = Memory(monkeypatch, 10**6)
    dreamer = walks_through_the_device(QUICK.replace(keep=0.99))
    frames = stream(8)
    for frame in frames[:5]:
        before = dreamer(frame)
    way = dreamer._way
    strength = np.abs(before.pixels.astype(int) - frames[4].pixels).mean()
    memory.pixels = 4000
    after = dreamer(frames[5])
    assert dreamer._way is not way  # its graphs and buffers are given back
    assert np.abs(after.pixels.astype(int) - frames[5].pixels).mean() > 0.7 * strength
    assert dreamer._count == 6


def test_change_that_memory_is_too_short_for_makes_the_dream_smaller(monkeypatch) -> None:
    memory = Memory(monkeypatch, 10**6)
    dreamer = Dreamer(QUICK)
    first, second = stream(2)
    dreamer(first)
    before = dreamer.working_size
    memory.pixels = before[0] * before[1] - 1
    changed = dreamer.settings.replace(layers="fire4")
    dreamer.adopt(changed, dreamer.ascent_for(changed))
    dreamer(second)
    assert dreamer.working_size[0] < before[0]
    assert "fire4" in dreamer.description


def test_no_memory_at_all_is_an_error_of_one_line(monkeypatch) -> None:
    Memory(monkeypatch, 0)
    with pytest.raises(DeviceError, match="not enough memory for squeezenet at 32x32: CUDA out of memory") as caught:
        Dreamer(QUICK)(stream(1)[0])
    assert "\n" not in str(caught.value)
    assert caught.value.hint


# What waits for a GPU ------------------------------------------------------------------------------------------------


class Crossings(TorchDispatchMode):
    """Lists the operations that take something from one device to another, for each of which the CPU would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        result = operation(*arguments, **(options or {}))
        self.count += 1
        if len({value.device for value in (*arguments, result) if isinstance(value, Tensor)}) > 1:
            self.found.append(str(operation))
        return result


def network_on(device: torch.device) -> DreamNetwork:
    """What to_compute makes in float16, for devices that are not there: weights without values."""
    network = DreamNetwork(models.build("squeezenet"), models.find_network("squeezenet"), OBJECTIVE, "max")
    network.dtype = torch.float16
    for module in network.modules():
        for name, weight in module.named_parameters(recurse=False):
            empty = torch.empty(weight.shape, dtype=torch.float16, device=device)
            setattr(module, name, torch.nn.Parameter(empty, requires_grad=False))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, torch.empty(buffer.shape, device=device))
    return network


def dream_a_frame(ascent: Ascent, device: torch.device) -> Crossings:
    """Do on `device` all that a frame asks for, twice, and return what crossed over the second time."""
    frame = torch.zeros(121, 161, 3, dtype=torch.uint8, device=device)
    flow = torch.zeros(32, 40, 3, device=device)
    down, right = torch.zeros(2, dtype=torch.int64, device=device).unbind()
    step_size = torch.ones((), device=device)
    for _ in range(2):
        with Crossings() as crossings:
            picture = tensors.shrink(frame, (64, 80))
            dream = picture + remove_mean(tensors.warp(picture, flow, 0.98))
            for size in ((64, 80), (45, 57)):
                dream = ascent.step(dream, size, (down, right), step_size)
            shown = tensors.compose(frame, dream.clamp_(0, 255).sub_(picture), 1.0)
        assert (shown.device, shown.shape) == (frame.device, frame.shape)
    return crossings


@pytest.fixture
def no_kernels_kept() -> Iterator[None]:
    """The kernels of the blur are kept for each device, and one of a pretended GPU is of no use to anybody."""
    _gaussian_kernel.cache_clear()
    yield
    _gaussian_kernel.cache_clear()


@pytest.mark.usefixtures("no_kernels_kept")
@pytest.mark.parametrize("smoothing", ["none", "gaussian", "laplacian"])
def test_nothing_in_a_frame_waits_for_the_device(monkeypatch, smoothing) -> None:
    # A pretended GPU: places and shapes are true, and to ask for a value is an error. Torch has no way back through a
    # network on it, so that part is left to the next test.
    monkeypatch.setattr(torch.autograd, "grad", lambda loss, leaf: (leaf.detach(),))
    with FakeTensorMode():
        gpu = torch.device("cuda", 0)
        ascent = Ascent(network_on(gpu), OBJECTIVE, 0.4, smoothing)
        assert dream_a_frame(ascent, gpu).found == []
        with Crossings() as crossings:
            torch.tensor([1.0, 2.0], device=gpu)
        assert crossings.found == ["aten._to_copy.default"]  # it would have been found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_network_for_a_gpu_keeps_half_precision_and_channels_last(monkeypatch, dtype) -> None:
    # The tensor cores of a GPU want both; a layer that turned its maps around would cost a copy each way.
    monkeypatch.setattr("livedream.dream.network.FusedBody", Mock(side_effect=UnfusableError("no CPU")))
    network = DreamNetwork(models.build("squeezenet"), models.find_network("squeezenet"), OBJECTIVE, "max")
    network.to_compute(CPU, dtype)
    found: list[Tensor] = []
    for module in network.body.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, inputs, output: found.append(output))
    network(torch.zeros(1, 3, 48, 64))
    assert len(found) > 20
    assert {activations.dtype for activations in found} == {dtype}
    assert all(activations.is_contiguous(memory_format=torch.channels_last) for activations in found)
    assert network.mean.dtype == torch.float32


def test_nothing_on_the_way_back_asks_for_a_value() -> None:
    nowhere = torch.device("meta")
    ascent = Ascent(network_on(nowhere), OBJECTIVE, 0.4, "none")
    crossings = dream_a_frame(ascent, nowhere)
    assert crossings.found == []
    assert crossings.count > 200
