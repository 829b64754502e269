"""The way through a GPU, walked on the CPU: all of it but graphs, streams and pinned memory, which test_cuda.py has."""

import contextlib
from collections.abc import Iterator
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from livedream import Dreamer, DreamSettings, models
from livedream.dream.ascent import Ascent
from livedream.dream.backend import cuda_graphs, torch_ops
from livedream.dream.backend.cuda_graphs import GraphedSteps, Octave
from livedream.dream.backend.gpu import GpuBackend
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.precondition import LEVELS, TensorPreconditioner, _halving_weights, preconditioner
from livedream.dream.motion import residual
from livedream.dream.motion.residual import remove_mean
from livedream.dream.native.ops import UnsupportedLayerError
from livedream.dream.objective.parser import parse
from livedream.dream.stream.quality import QualityScale
from livedream.errors import DeviceError
from tests.dream.dreams import each_look, gpu_backend, last_steps, likeness, make_ascent, stream

CPU = torch.device("cpu")
OBJECTIVE = parse("fire6 + 0.5*fire9:77 + direction(fire6, 3, 77:0.5) + neuron(fire5:196) + class:goldfinch - tv")
QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8, device="cpu", precision="float32")


def walks_through_the_device(settings: DreamSettings = QUICK) -> Dreamer:
    dreamer = Dreamer(settings)
    dreamer._stream.backend = GpuBackend(CPU)
    return dreamer


def test_dreams_as_the_other_way() -> None:
    # Seen: no level of difference for four frames. A step more and rounding tells.
    settings = QUICK.replace(working_height=120)
    ways = walks_through_the_device(settings), Dreamer(settings)
    for frame in stream(4):
        shown, other = (way(frame).pixels.astype(int) for way in ways)
        assert np.abs(shown - other).mean() < 0.05
    assert set(ways[0].stages) == set(ways[1].stages)
    assert [way.awaits_device for way in ways] == [True, False]


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
    before = last_steps(dreamer)
    dreamer.settings = QUICK.replace(layers="fire4")
    dreamer(second)
    assert last_steps(dreamer) is not before
    assert last_steps(dreamer).ascent is dreamer.engine.ascent


def test_sizes_between_which_it_goes_to_and_fro_are_recorded_once() -> None:
    dreamer = walks_through_the_device()
    frames = iter(stream(12))
    seen = []
    for height in (1.0, 0.8, 1.0, 0.8):
        dreamer.quality = QualityScale(height)
        dreamer(next(frames))
        seen.append(last_steps(dreamer))
    assert (seen[0], seen[1]) == (seen[2], seen[3])
    for height in (0.7, 0.6, 0.5):
        dreamer.quality = QualityScale(height)
        dreamer(next(frames))
    assert len(gpu_backend(dreamer)._kept) == 3
    assert not set(seen) & set(gpu_backend(dreamer)._kept.values())  # the oldest went


def test_prepared_look_brings_its_steps_along() -> None:
    dreamer = walks_through_the_device(QUICK.replace(octaves=2))
    first, second = stream(2)
    dreamer(first)
    changed = dreamer.settings.replace(layers="fire4 | fire5")
    ascent = dreamer.ascent_for(changed)
    prepared = last_steps(dreamer)
    assert prepared.ascent is ascent
    dreamer.install(changed, ascent)
    dreamer(second)
    assert last_steps(dreamer) is prepared


def test_frame_is_waited_for_only_where_it_is_composed(monkeypatch) -> None:
    dreamer = walks_through_the_device()
    waited: list[tuple[int, ...]] = []
    down = gpu_backend(dreamer)._transfer.down

    def down_and_note(tensor):
        arrived = down(tensor)
        return lambda: waited.append(tuple(tensor.shape)) or arrived()

    monkeypatch.setattr(gpu_backend(dreamer)._transfer, "down", down_and_note)
    first, second, third = (dreamer.dream(dreamer.analyze(frame)) for frame in stream(3))
    assert waited == [(), ()]  # the counts of the first two
    for number, dreamt in enumerate((first, second, third)):  # late, and none is another's
        shown, source = dreamer.compose(dreamt).pixels.astype(int), stream(3)[number].pixels
        assert 0 < np.abs(shown - source).mean() < 10
    assert waited[2:] == [(120, 160, 3)] * 3


def test_dropped_steps_are_counted_a_frame_later(monkeypatch, caplog) -> None:
    dreamer = walks_through_the_device(QUICK.replace(precision="bfloat16"))
    frame, *more = stream(6)
    dreamer(frame)
    ascent = dreamer.engine.ascent
    monkeypatch.setattr(ascent, "_image_gradient", lambda picture, objective: torch.full_like(picture, torch.nan))
    for number, frame in enumerate(more[:3]):
        dreamer(frame)
        assert dreamer.dropped_steps == number
    assert dreamer.engine.ascent is ascent
    dreamer(more[3])
    assert dreamer.dropped_steps == 3
    assert "the network moves to cpu float32" in caplog.text
    dreamer(more[4])  # in float32
    assert dreamer.dropped_steps == 4
    assert dreamer.engine._dropped_in_a_row == 1


def test_all_that_frames_ask_for_is_made_before_the_first(monkeypatch, tmp_path) -> None:
    Image.fromarray(np.full((120, 160), 255, np.uint8)).save(tmp_path / "mask.png")
    mask = tmp_path / "mask.png"
    settings = QUICK.replace(layers=f'fire5 + mask:"{mask}"', temporal_smoothing=0.5, steps=2)
    dreamer, unprepared = (walks_through_the_device(settings) for _ in range(2))
    seen: set[object] = set()
    up, settled = gpu_backend(dreamer)._transfer.up, residual.split_residual

    def up_and_note(array):
        seen.add((array.shape, array.dtype))
        return up(array)

    def split_and_note(dream, before, picture, pending, share):
        seen.add((before is None, pending is None))
        return settled(dream, before, picture, pending, share)

    monkeypatch.setattr(gpu_backend(dreamer)._transfer, "up", up_and_note)
    monkeypatch.setattr("livedream.dream.stream.frame_dreamer.split_residual", split_and_note)
    dreamer.prepare((160, 120))
    prepared = set(seen)
    assert dreamer.engine.ascent.masks._cached is not None
    state = dreamer._stream.frames
    assert (state.count, state.carry, state.last) == (0, None, None)
    assert dreamer._stream.analyzer.frame_shape is None
    assert dreamer.working_size == (80, 64)
    for frame in stream(4):
        assert np.array_equal(dreamer(frame).pixels, unprepared(frame).pixels)
    assert seen == prepared
    # Frames, and vectors and confidence of the flow; nothing inherited, nothing withheld yet, and both.
    assert len(seen) == 6


@each_look
def test_steps_from_buffers_are_the_steps_of_the_ascent(by) -> None:
    ascent = make_ascent()
    steps = GraphedSteps(ascent, (64, 80))
    picture = (torch.rand(1, 3, 64, 80) * 255).contiguous(memory_format=torch.channels_last)
    given = picture.clone()
    for number, size in enumerate([(64, 80), (45, 57), (64, 80)]):
        shift, step_size = (3 - number, -7 * number), 1.0 + number
        wanted = ascent.step(picture, size, shift, step_size, by=by)
        found = steps.step(picture, size, shift, step_size, by=by)
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0)
        assert torch.equal(picture, given)
    assert not torch.equal(steps.step(picture, (64, 80), (5, 5), 1.0), found)  # it is not what the last step left
    assert found.data_ptr() != steps.step(picture, (64, 80), (5, 5), 1.0).data_ptr()


def test_what_was_recorded_for_a_look_that_is_left_goes(monkeypatch) -> None:
    """Else a third network stays in the memory of the GPU until it is pushed out."""
    dreamer = walks_through_the_device(QUICK)
    first = stream(2)
    dreamer(first[0])
    for layers in ("fire4", "fire6", "fire5"):
        settings = QUICK.replace(layers=layers)
        ascent = dreamer.ascent_for(settings)
        dreamer.install(settings, ascent)
        dreamer(first[1])
        assert {id(steps.ascent) for steps in gpu_backend(dreamer)._kept.values()} == {id(ascent)}


class Recording:
    """Stands in for a CUDA graph: what was recorded is done again, from what the buffers hold by then."""

    def __init__(self, steps: GraphedSteps, octave: Octave) -> None:
        steps._move(octave)  # the runs before a recording change picture, count and scale
        steps.ascent.dropped += 1
        steps.ascent._loss_scale /= 16
        self.replay = lambda: steps._move(octave)


def test_recording_leaves_no_trace_and_is_made_once_for_each_octave(monkeypatch) -> None:
    ascent = make_ascent()
    steps = GraphedSteps(ascent, (64, 80))
    steps._recordable = True
    recorded: list[Octave] = []
    monkeypatch.setattr(steps, "_recorded", lambda octave: recorded.append(octave) or Recording(steps, octave))
    picture = torch.rand(1, 3, 64, 80) * 255
    # A replay finds the colours of the moment: the third comes from the first recording.
    cases = [((64, 80), (1, 2), 0.0), ((45, 57), (0, 0), 0.5), ((64, 80), (-5, 9), 1.0), ((64, 80), (1, 1), 0.0)]
    for size, shift, control in cases:
        by = preconditioner(control, control)
        wanted = ascent.step(picture, size, shift, 1.5, by=by)
        torch.testing.assert_close(steps.step(picture, size, shift, 1.5, by=by), wanted, atol=1e-3, rtol=0)
    assert recorded == [((64, 80), 1.0), ((45, 57), 1.0)]
    assert int(ascent.dropped) == 0
    assert float(ascent._loss_scale) == 1


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
    assert record.getMessage().endswith(
        "recorded as CUDA graphs and are launched one by one: operation not permitted when stream is capturing"
    )
    assert ascent in cuda_graphs._unrecordable
    assert make_ascent() not in cuda_graphs._unrecordable


@pytest.mark.parametrize("message", ["operation not permitted", "CUDA out of memory."])
def test_recording_that_fails_takes_the_others_along_and_leaves_no_trace(monkeypatch, message) -> None:
    ascent = make_ascent()
    steps = GraphedSteps(ascent, (64, 80))
    steps._recordable = True
    picture = torch.rand(1, 3, 64, 80) * 255
    monkeypatch.setattr(steps, "_recorded", lambda octave: Recording(steps, octave))
    steps.step(picture, (64, 80), (0, 0), 1.0)

    def fail(octave: Octave) -> None:
        Recording(steps, octave)
        raise RuntimeError(message)

    monkeypatch.setattr(steps, "_recorded", fail)
    with pytest.raises(RuntimeError, match=message) if "memory" in message else contextlib.nullcontext():
        steps.step(picture, (45, 57), (0, 0), 1.0)
    assert steps._graphs == {}
    assert steps._recordable == ("memory" in message)  # with more room it will
    assert int(ascent.dropped) == 0
    assert float(ascent._loss_scale) == 1


# Memory ---------------------------------------------------------------------------------------------------------------


class Memory:
    """Stands in for a device that is full at so many pixels: torch raises the same error there."""

    def __init__(self, monkeypatch, pixels: int) -> None:
        self.pixels = pixels
        self.seen: list[tuple[int, int]] = []
        step = Ascent.step

        def step_or_fail(ascent, picture, *how, **options) -> Tensor:
            height, width = picture.shape[2:]
            if height * width > self.pixels:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore about it")
            self.seen.append((height, width))
            return step(ascent, picture, *how, **options)

        monkeypatch.setattr(Ascent, "step", step_or_fail)


@pytest.mark.parametrize("prepared", [True, False])
def test_full_memory_makes_the_dream_smaller_and_says_so(monkeypatch, caplog, prepared) -> None:
    memory = Memory(monkeypatch, 4000)
    dreamer = Dreamer(QUICK)
    if prepared:
        dreamer.prepare((160, 120))
    first, *rest = stream(4)
    dreamer(first)
    assert dreamer.working_size == (64, 45)
    assert dreamer.notice == "not enough device memory: dreaming at no more than 70% of the working height"
    assert f"{dreamer.notice}: CUDA out of memory. Tried to allocate 2.00 GiB." in caplog.text
    assert "More about it" not in caplog.text
    dreamer.quality = QualityScale(0.9)  # a governor with time to spare
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
    way = dreamer._stream.backend
    strength = np.abs(before.pixels.astype(int) - frames[4].pixels).mean()
    memory.pixels = 4000
    after = dreamer(frames[5])
    assert dreamer._stream.backend is not way  # its graphs and buffers are given back
    assert np.abs(after.pixels.astype(int) - frames[5].pixels).mean() > 0.7 * strength
    assert dreamer._stream.frames.count == 6


def test_change_that_memory_is_too_short_for_makes_the_dream_smaller(monkeypatch) -> None:
    memory = Memory(monkeypatch, 10**6)
    dreamer = Dreamer(QUICK)
    first, second = stream(2)
    dreamer(first)
    before = dreamer.working_size
    memory.pixels = before[0] * before[1] - 1
    changed = dreamer.settings.replace(layers="fire4")
    dreamer.install(changed, dreamer.ascent_for(changed))
    dreamer(second)
    assert dreamer.working_size[1] < before[1]
    assert "fire4" in dreamer.description


def test_what_is_kept_for_later_goes_before_the_dream_gets_smaller(monkeypatch) -> None:
    dreamer = walks_through_the_device()
    frames = iter(stream(4))
    for height in (0.8, 1.0):
        dreamer.quality = QualityScale(height)
        dreamer(next(frames))
    memory = Memory(monkeypatch, 0)
    step = Ascent.step

    def once(*how, **options):
        monkeypatch.setattr(memory, "pixels", 10**6)
        return step(*how, **options)

    def full_once(*how, **options):
        monkeypatch.setattr(Ascent, "step", once)
        return step(*how, **options)

    monkeypatch.setattr(Ascent, "step", full_once)
    dreamer(next(frames))
    assert memory.seen == [(64, 80)]
    assert dreamer.notice is None


def test_still_that_memory_is_too_short_for_is_dreamt_in_smaller_tiles(monkeypatch, caplog) -> None:
    memory = Memory(monkeypatch, 10**9)
    pixels = np.ascontiguousarray(np.tile(stream(1)[0].pixels, (4, 5, 1)))  # 480 x 800
    settings = QUICK.replace(still_height=480, still_steps=1, smallest_octave=480)
    gradient = Ascent._image_gradient

    def gradient_or_fail(ascent, picture, objective, is_repeated=True):
        if picture[0, 0].numel() > 300 * 300:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED\nMore about it")
        return gradient(ascent, picture, objective, is_repeated)

    monkeypatch.setattr(Ascent, "_image_gradient", gradient_or_fail)
    dream = Dreamer(settings)(pixels)
    assert np.array_equal(dream, Dreamer(settings.replace(tile_size=256))(pixels))
    assert [record.getMessage() for record in caplog.records] == [
        f"not enough memory: continuing with tiles of at most {side} pixels: cuDNN error: CUDNN_STATUS_ALLOC_FAILED"
        for side in (400, 256)
    ]
    memory.pixels = 0
    with pytest.raises(
        DeviceError, match="not enough device memory for squeezenet at 800x480: CUDA out of memory"
    ) as caught:
        Dreamer(settings)(pixels)
    assert "\n" not in str(caught.value)
    assert "still_height" in caught.value.hint


def test_still_of_a_goal_that_knows_no_tiles_is_an_error_of_one_line(monkeypatch) -> None:
    Memory(monkeypatch, 0)
    with pytest.raises(DeviceError, match="not enough device memory"):
        Dreamer(QUICK.replace(layers="neuron(fire5:196)"))(np.zeros((480, 800, 3), np.uint8))


def test_other_errors_go_their_way(monkeypatch) -> None:
    def fail(*how, **options):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(Ascent, "step", fail)
    for picture in (stream(1)[0], stream(1)[0].pixels):
        with pytest.raises(RuntimeError, match="illegal memory access"):
            Dreamer(QUICK)(picture)


def test_no_memory_at_all_is_an_error_of_one_line(monkeypatch) -> None:
    Memory(monkeypatch, 0)
    with pytest.raises(
        DeviceError, match="not enough device memory for squeezenet at 32x32: CUDA out of memory"
    ) as caught:
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
    flow = torch.zeros(32, 40, 2, device=device), torch.zeros(32, 40, device=device)
    down, right = torch.zeros(2, dtype=torch.int64, device=device).unbind()
    step_size = torch.ones((), device=device)
    by = TensorPreconditioner(torch.ones(3, 3, device=device), torch.ones(LEVELS, device=device))
    for _ in range(2):
        with Crossings() as crossings:
            picture = torch_ops.shrink(frame, (64, 80))
            dream = picture + remove_mean(torch_ops.warp(picture, *flow, 0.98))
            for size in ((64, 80), (45, 57)):
                dream = ascent.step(dream, size, (down, right), step_size, by=by)
            shown = torch_ops.compose(frame, dream.clamp_(0, 255).sub_(picture), 1.0)
        assert (shown.device, shown.shape) == (frame.device, frame.shape)
    return crossings


@pytest.fixture
def no_weights_kept() -> Iterator[None]:
    """The weights of the pyramid are kept for each device, and those of a pretended GPU are of no use to anybody."""
    _halving_weights.cache_clear()
    yield
    _halving_weights.cache_clear()


@pytest.mark.usefixtures("no_weights_kept")
def test_nothing_in_a_frame_waits_for_the_device(monkeypatch) -> None:
    # A pretended GPU: places and shapes are true, and to ask for a value is an error. Torch has no way back through a
    # network on it, so that part is left to the next test.
    monkeypatch.setattr(torch.autograd, "grad", lambda loss, leaf: (leaf.detach(),))
    with FakeTensorMode():
        gpu = torch.device("cuda", 0)
        ascent = Ascent(network_on(gpu), OBJECTIVE)
        assert dream_a_frame(ascent, gpu).found == []
        with Crossings() as crossings:
            torch.tensor([1.0, 2.0], device=gpu)
        assert crossings.found == ["aten._to_copy.default"]  # it would have been found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_network_for_a_gpu_keeps_half_precision_and_channels_last(monkeypatch, dtype) -> None:
    # The tensor cores of a GPU want both; a layer that turned its maps around would cost a copy each way.
    monkeypatch.setattr(
        "livedream.dream.dream_network.NetworkPass.__init__", Mock(side_effect=UnsupportedLayerError("no CPU"))
    )
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
    ascent = Ascent(network_on(nowhere), OBJECTIVE)
    crossings = dream_a_frame(ascent, nowhere)
    assert crossings.found == []
    assert crossings.count > 200
