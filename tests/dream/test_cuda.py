"""What needs an NVIDIA GPU: graphs, streams, pinned memory, and the numbers of the GPU against those of the CPU.

Run them there with LIVEDREAM_REQUIRE_CUDA=1, which makes a failure of every skip. The rest of the way through a GPU is
in test_device.py, on the CPU.
"""

import gc
import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import fx

from livedream import Dreamer, DreamSettings, Frame
from livedream.capture.source import Source
from livedream.dream.backend import torch_ops
from livedream.dream.backend.cuda_graphs import GraphedSteps
from livedream.dream.backend.transfer import Transfer
from livedream.dream.compute.cudnn import avoid_cudnn
from livedream.dream.compute.threads import processors
from livedream.dream.live_swap import SettingsSwap
from livedream.dream.motion.residual import remove_mean
from livedream.dream.stream.quality import QualityScale
from livedream.pipeline.run import run
from tests.dream.dreams import each_look, gpu_backend, last_steps, likeness, make_ascent, stream
from tests.pipeline.parts import Kept

pytestmark = pytest.mark.needs_cuda

QUICK = DreamSettings(working_height=120, octaves=3, layers="fire5", jitter=8, device="cuda", precision="float16")
SIZE = (120, 160)
OCTAVES = [(120, 160), (86, 114), (61, 82)]
SHARES = [(OCTAVES[0], 1.0), (OCTAVES[1], 0.5), (OCTAVES[2], 0.0)]


def picture() -> torch.Tensor:
    values = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1)) * 255
    return values.to("cuda").contiguous(memory_format=torch.channels_last)


@pytest.fixture
def waiting_is_an_error() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A GPU of 600 MB, as this process sees it: a step at 2880x2160 needs more, to add a dream to such a frame 200."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(600e6 / torch.cuda.mem_get_info()[1])
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.9), ("float16", 0.9), ("bfloat16", 0.8)])
def test_dreams_as_the_cpu(precision, least) -> None:
    # On a CPU the dreams of float32 and bfloat16 have a likeness of 0.97 in the first and 0.91 in the fourth frame,
    # and those of two seeds 0.17 and 0.33. float16 and NVIDIA's float32 (TF32) have three more bits than bfloat16.
    on_gpu = Dreamer(QUICK.replace(precision=precision))
    on_cpu = Dreamer(QUICK.replace(device="cpu", precision="float32"))
    for frame in stream(4):
        assert likeness(on_gpu(frame).pixels, on_cpu(frame).pixels, frame) > least
    assert on_gpu.description.startswith(f"cuda {precision}")
    assert on_gpu.dropped_steps == 0


@each_look
def test_step_in_float32_is_that_of_the_cpu(by) -> None:
    on_gpu, on_cpu = (make_ascent(device) for device in ("cuda", "cpu"))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for size in OCTAVES:
            found = on_gpu.step(picture(), size, (3, -5), 2.0, by=by).cpu()
            wanted = on_cpu.step(picture().cpu(), size, (3, -5), 2.0, by=by)
            # Where two of a max-pool's values, or a value and 0, all but tie, rounding decides where a gradient goes.
            assert float((found - wanted).abs().mean()) < 0.02


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@each_look
def test_graph_steps_as_the_ascent_does(by, dtype) -> None:
    ascent = make_ascent("cuda", dtype)
    steps = GraphedSteps(ascent, SIZE)
    given = picture()
    # Twice around: recorded, then replayed with other numbers, and in another order than they were recorded in.
    cases = zip([*OCTAVES, *reversed(OCTAVES)], [(0, 0), (3, -5), (-8, 8), (7, 1), (2, 2), (-1, 0)], strict=True)
    for number, (size, shift) in enumerate(cases):
        step_size = 1.0 + number
        wanted = ascent.step(given, size, shift, step_size, by=by) - given
        found = steps.step(given, size, shift, step_size, by=by) - given
        # Not to the bit: where windows of a max-pool overlap, their gradients are added in any order.
        assert float((found - wanted).abs().mean()) < 0.02 * step_size
        assert torch.equal(given, picture())
    assert set(steps._graphs) == {(size, 1.0) for size in OCTAVES}  # none fell back


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        ("squeezenet", "direction(fire6, 3, 77:0.5)"),
        ("squeezenet", "guide:guide.png@fire6"),
        ("squeezenet", "class:goldfinch"),
        ("squeezenet", "neuron(fire5:196)"),
        ("squeezenet", "fire6 + 0.5*mean(fire9:77) - 0.1*tv"),
        ("squeezenet", "fire4 | fire6"),
        ("googlenet", "inception4c"),
        ("resnet50", "layer3"),
        ("resnet50", "class:11"),
    ],
)
def test_every_goal_and_network_is_recorded(model, layers, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.coffee()[::2, ::2]).save("guide.png")
    ascent = make_ascent("cuda", torch.float16, layers, model)
    steps = GraphedSteps(ascent, SIZE)
    given = picture()
    for _ in range(3):  # random weights may multiply gradients beyond float16: the first overflow lowers their scale
        ascent.step(given, SIZE, (0, 0), 1.0)
    ascent.take_dropped()
    for size, share in (*SHARES, *SHARES):
        wanted = ascent.step(given, size, (2, -3), 1.0, share) - given
        found = steps.step(given, size, (2, -3), 1.0, share) - given
        assert float((found - wanted).abs().mean()) < 0.02
    assert set(steps._graphs) == set(SHARES)
    assert int(ascent.dropped) == 0


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 0), (5, 1, 2), (5, 2, 0), (5, 2, 2)])
def test_native_depthwise_convolution_is_that_of_cudnn(kernel, stride, padding) -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(24, 24, kernel, stride, padding, groups=24)).cuda()
    native = fx.symbolic_trace(layers.requires_grad_(False))
    x = torch.rand(1, 24, 37, 50, device="cuda", generator=generator).requires_grad_()

    def passes() -> list[torch.Tensor]:
        y = native(x)
        return [y, *torch.autograd.grad((y * torch.linspace(-1, 1, y.shape[3], device="cuda")).sum(), x)]

    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        wanted = passes()
    avoid_cudnn(native)
    assert type(native.get_submodule("0")) is not torch.nn.Conv2d
    for found, known in zip(passes(), wanted, strict=True):
        torch.testing.assert_close(found, known, rtol=1e-4, atol=1e-5)


def test_flows_of_a_film_are_estimated_ahead_and_dream_the_same() -> None:
    frames = stream(12)
    ahead, one_by_one, sink = Dreamer(QUICK), Dreamer(QUICK), Kept()
    ahead.prepare((160, 120))
    assert ahead.lookahead == max(1, min(6, processors() * 3 // 8))
    run(Clip(frames), ahead, [sink])
    for frame, shown in zip(frames, sink.frames, strict=True):
        assert likeness(shown.pixels, one_by_one(frame).pixels, frame) > 0.9


def test_recording_that_fails_costs_no_memory_and_no_other_look(monkeypatch, caplog) -> None:
    move = GraphedSteps._move

    def move_and_wait(steps, octave):
        move(steps, octave)
        float(steps._image.sum())

    dreamer = Dreamer(QUICK)
    frames = itertools.cycle(stream(8))
    monkeypatch.setattr(GraphedSteps, "_move", move_and_wait)
    for _ in range(20):
        dreamer(next(frames))
    assert last_steps(dreamer)._graphs == {}
    assert len([record for record in caplog.records if "one by one" in record.getMessage()]) == 1
    before = torch.cuda.memory_allocated()
    for _ in range(200):
        dreamer(next(frames))
    assert torch.cuda.memory_allocated() - before < 2**20
    torch.cuda.empty_cache()  # the allocator records no more
    monkeypatch.setattr(GraphedSteps, "_move", move)
    dreamer.settings = QUICK.replace(layers="fire4")
    for _ in OCTAVES:
        dreamer(next(frames))
    assert set(last_steps(dreamer)._graphs) == set(SHARES)


def test_graph_counts_dropped_steps_and_lowers_the_scale_of_the_loss() -> None:
    ascent = make_ascent(device="cuda", dtype=torch.float16)
    steps = GraphedSteps(ascent, SIZE)
    given = picture()
    steps.step(given, SIZE, (0, 0), 1.0)
    assert int(ascent.dropped) == 0
    scale = float(ascent._loss_scale)
    torch.nn.init.constant_(ascent.network.body.get_submodule("conv1").weight, float("nan"))  # type: ignore[arg-type]
    for _ in range(2):
        assert torch.equal(steps.step(given, SIZE, (1, 1), 1.0), given)
    assert int(ascent.dropped) == 2
    assert float(ascent._loss_scale) == scale / 256


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_nothing_in_a_frame_waits_for_the_device(request) -> None:
    steps = GraphedSteps(make_ascent("cuda", torch.float16), SIZE)
    transfer = Transfer(torch.device("cuda"))
    frame = transfer.up(np.zeros((240, 320, 3), np.uint8))
    flow = transfer.up(np.zeros((60, 80, 2), np.float32)), transfer.up(np.zeros((60, 80), np.float32))
    for size in OCTAVES:
        steps.step(picture(), size, (0, 0), 1.0)
    residual = picture()
    transfer.down(frame)()
    torch.cuda.synchronize()
    request.getfixturevalue("waiting_is_an_error")
    small = torch_ops.shrink(frame, SIZE)
    dream = small + remove_mean(torch_ops.warp(residual, *flow, 0.98))
    for number, size in enumerate(OCTAVES):
        dream = steps.step(dream, size, (number, -number), 1.5)
    dream = steps.ascent.step(dream, OCTAVES[1], (steps._down, steps._right), steps._step_size)  # without a graph
    arrived = transfer.down(torch_ops.compose(frame, dream.clamp_(0, 255).sub_(small), 1.0))
    with pytest.raises(RuntimeError, match="synchroniz"):
        float(dream.mean())  # it would have been found
    torch.cuda.set_sync_debug_mode("default")
    assert arrived().shape == (240, 320, 3)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_no_frame_waits_for_the_device(request, tmp_path) -> None:
    Image.fromarray(np.full((120, 160), 255, np.uint8)).save(tmp_path / "mask.png")
    mask = tmp_path / "mask.png"
    dreamer = Dreamer(QUICK.replace(layers=f'fire5 + mask:"{mask}"', temporal_smoothing=0.5, steps=2))
    dreamer.prepare((160, 120))
    frames = stream(8)
    torch.cuda.synchronize()
    request.getfixturevalue("waiting_is_an_error")
    shown = [dreamer(frame) for frame in frames]
    torch.cuda.set_sync_debug_mode("default")
    assert not np.array_equal(shown[-1].pixels, frames[-1].pixels)


def test_dream_is_launched_while_the_gpu_is_busy() -> None:
    dreamer = Dreamer(QUICK)
    dreamer.prepare((160, 120))
    first, second = stream(2)
    dreamer(first)
    torch.cuda._sleep(4_000_000_000)  # two seconds or so
    busy = torch.cuda.Event()
    busy.record()
    dreamt = dreamer.dream(dreamer.analyze(second))
    assert not busy.query()
    shown = dreamer.compose(dreamt)
    assert busy.query()
    assert not np.array_equal(shown.pixels, second.pixels)
    # The stages are the time of the GPU, which did not work on them while it slept.
    assert 0 < dreamer.stages["ascent"] < 0.5
    assert set(dreamer.stages) >= {"resize", "motion", "upload", "warp", "ascent", "settle", "download", "compose"}


def test_what_goes_up_comes_down() -> None:
    random = np.random.default_rng(0)
    transfer = Transfer(torch.device("cuda"))
    for _ in range(50):
        array = random.integers(0, 256, (480, 640, 3), np.uint8)
        given = array.copy()
        doubled = transfer.up(array).int() * 2
        array[:] = 0  # a camera fills its buffer anew
        down = transfer.down(doubled), transfer.down(doubled + 1)
        for more, arrived in enumerate(down):
            assert np.array_equal(arrived(), given.astype(np.int32) * 2 + more)


def test_all_graphs_are_there_before_the_first_frame() -> None:
    dreamer = Dreamer(QUICK)
    dreamer.prepare((160, 120))
    graphs = dict(last_steps(dreamer)._graphs)
    assert set(graphs) == set(SHARES)
    pinned = torch.cuda.host_memory_stats()["num_host_alloc"]
    for frame in stream(4):
        dreamer(frame)
    assert last_steps(dreamer)._graphs == graphs
    assert torch.cuda.host_memory_stats()["num_host_alloc"] == pinned


def test_memory_does_not_grow() -> None:
    dreamer = Dreamer(QUICK.replace(steps=2))
    frames = itertools.cycle(stream(8))

    def used_after(count: int) -> np.ndarray:
        for frame in itertools.islice(frames, count):
            dreamer(frame)
        pinned = torch.cuda.host_memory_stats()["allocated_bytes.current"]
        return np.array([torch.cuda.memory_allocated(), torch.cuda.memory_reserved(), pinned])

    settled = used_after(50)
    # A frame that were kept would make 11 MB of it.
    assert (used_after(200) - settled < 2**20).all()


def test_memory_does_not_grow_with_sizes_and_looks() -> None:
    dreamer = Dreamer(QUICK)
    frames = itertools.cycle(stream(8))

    def used_after(changes: int) -> np.ndarray:
        for number in range(changes):
            dreamer.quality = QualityScale((1.0, 0.85, 0.72)[number % 3])
            dreamer.settings = QUICK.replace(layers=("fire5", "direction(fire4, 3)")[number % 2])
            for _ in OCTAVES:
                dreamer(next(frames))
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return np.array([torch.cuda.memory_allocated(), torch.cuda.memory_reserved()])

    settled = used_after(12)
    assert (used_after(24) - settled < np.array([2**20, 2**25])).all()


def test_full_memory_makes_the_dream_smaller_and_goes_on(little_memory, caplog) -> None:
    large = [frame.with_pixels(np.ascontiguousarray(frame.pixels.repeat(18, 0).repeat(18, 1))) for frame in stream(3)]
    dreamer = Dreamer(QUICK.replace(working_height=2160))
    for frame in large:
        shown = dreamer(frame)
    assert dreamer.notice in caplog.text
    assert dreamer.working_size[1] < 2160
    assert shown.pixels.shape == (2160, 2880, 3)
    assert not np.array_equal(shown.pixels, large[-1].pixels)


def test_network_is_exchanged_while_graphs_run() -> None:
    dreamer = Dreamer(QUICK)
    dreamer.prepare((160, 120))
    switch = SettingsSwap(dreamer)
    changed = QUICK.replace(layers="fire4", natural_color=1)
    frames = itertools.cycle(stream(8))
    try:
        for _ in range(5000):
            dreamer(next(frames))
            if switch.apply(changed):
                break
    finally:
        switch.close()
    assert "fire4" in dreamer.description
    (prepared,) = (steps for steps in gpu_backend(dreamer)._kept.values() if steps.ascent is dreamer.engine.ascent)
    graphs = dict(prepared._graphs)
    assert set(graphs) == set(SHARES)
    for _ in OCTAVES:
        shown = dreamer(frame := next(frames))
    assert last_steps(dreamer) is prepared
    assert prepared._graphs == graphs
    assert not np.array_equal(shown.pixels, frame.pixels)


def test_repeated_overflow_moves_to_bfloat16() -> None:
    dreamer = Dreamer(QUICK)
    frame = stream(1)[0]
    dreamer(frame)
    torch.nn.init.constant_(dreamer.engine.ascent.network.body.get_submodule("conv1").weight, float("inf"))  # type: ignore[arg-type]
    for _ in range(4):  # those of a frame are known with the next
        dreamer(frame)
    assert dreamer.dropped_steps == 3
    for _ in range(2):
        dreamer(frame)
    assert dreamer.dropped_steps == 4
    safer = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    assert dreamer.description.startswith(f"cuda {safer}")


def test_stream_goes_on_from_a_saved_state() -> None:
    dreamer, other = Dreamer(QUICK), Dreamer(QUICK)
    frames = stream(6)
    for frame in frames[:3]:
        dreamer(frame)
    other.restore(dreamer.state())
    for frame in frames[3:]:
        assert likeness(dreamer(frame).pixels, other(frame).pixels, frame) > 0.95


class Clip(Source):
    """A film of the frames that it is given."""

    name, size, rate, live = "clip", (160, 120), Fraction(25), False

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = iter(frames)

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def close(self) -> None:
        pass


def test_three_threads_dream_as_one() -> None:
    frames = stream(40)
    dreamer, alone, sink = Dreamer(QUICK), Dreamer(QUICK), Kept()
    dreamer.prepare((160, 120))
    run(Clip(frames), dreamer, [sink])
    assert sink.indices == list(range(40))
    for frame, shown in zip(frames[:4], sink.frames, strict=False):
        assert likeness(shown.pixels, alone(frame).pixels, frame) > 0.95
    for frame, shown in zip(frames, sink.frames, strict=True):  # each with its own frame beneath it
        nearest = min(frames, key=lambda other: np.abs(shown.pixels.astype(int) - other.pixels).mean())
        assert abs(nearest.index - frame.index) <= 1
