"""A replay gives the same bits as the pass layer by layer."""

import ctypes
import gc
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn

from livedream import models
from livedream.bench.memory import resident_mb
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.dreamer import Dreamer
from livedream.dream.native import aoti, layer_kernels, network_pass, replay
from livedream.dream.native.network_pass import NetworkPass
from livedream.dream.native.replay import Recording, UnrecordableError, record
from livedream.dream.objective.parser import parse
from livedream.settings import DreamSettings
from tests.dream.without import needs_kernels, without_kernels
from tests.networks import random_network

pytestmark = needs_kernels


def network_for(wanted: str, name: str = "squeezenet", dtype: torch.dtype = torch.float32) -> DreamNetwork:
    """Return a network with separate convolutions in float32, with merged ones in bfloat16."""
    torch.manual_seed(0)
    network = DreamNetwork(random_network(name), models.find_network(name), parse(wanted), "max")
    network.body.to(dtype).to(memory_format=torch.channels_last)
    network.body = NetworkPass(network.body, network.mean, network.std, merge=dtype == torch.bfloat16)  # type: ignore[arg-type]
    return network


def image_of(height: int, width: int, seed: int = 0) -> Tensor:
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 255
    return image.contiguous(memory_format=torch.channels_last)


def gradients(network: DreamNetwork, wanted: str, image: Tensor) -> list[Tensor]:
    """Return the gradient of `image` layer by layer, and by a replay."""
    found = [network.native_gradient(image, parse(wanted), is_repeated) for is_repeated in (False, True)]
    assert all(gradient is not None for gradient in found)
    return found


def recordings(network: DreamNetwork) -> dict[tuple[Any, ...], Recording | None]:
    assert isinstance(network.body, NetworkPass)
    return network.body._recordings


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("squeezenet", "fire6"),
        ("squeezenet", "fire3 + 0.5*fire5:7 - mean(fire4.squeeze1x1)"),
        ("squeezenet1_1", "features.4"),
        ("alexnet", "features.10"),
        ("vgg16", "features.14"),
        ("googlenet", "inception4a"),
        ("efficientnet_lite0", "blocks.2 + blocks.4"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_replay_gives_the_bits_of_the_pass_layer_by_layer(name, wanted, threads, dtype, caplog) -> None:
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("oneDNN has no bfloat16 on this processor")
    caplog.set_level(logging.INFO)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        network = network_for(wanted, name, dtype)
        # Other images than the recorded one, and an odd size after an even one.
        for seed, size in enumerate([(96, 112), (96, 112), (75, 101), (96, 112)]):
            expected, found = gradients(network, wanted, image_of(*size, seed))
            assert torch.equal(found, expected)
            assert found.abs().max() > 0
    finally:
        torch.set_num_threads(before)
    assert len(recordings(network)) == 2
    assert None not in recordings(network).values(), caplog.text


def test_strides_and_sums_of_a_resnet_are_recorded(caplog) -> None:
    caplog.set_level(logging.INFO)
    network = network_for("layer2", "resnet50")
    expected, found = gradients(network, "layer2", image_of(65, 82))
    assert torch.equal(found, expected)
    assert None not in recordings(network).values(), caplog.text


def test_each_set_of_wanted_layers_has_its_own_recording() -> None:
    network = network_for("fire3 + fire5")
    for wanted in ("fire3", "fire5", "fire3 + fire5", "fire3"):
        expected, found = gradients(network, wanted, image_of(64, 80))
        assert torch.equal(found, expected)
    assert len(recordings(network)) == 3


def test_each_number_of_threads_has_its_own_recording() -> None:
    """The layout of weights depends on it; another layout makes a layer slow."""
    network, threads = network_for("fire3"), torch.get_num_threads()
    try:
        for count in (1, 2, 1):
            torch.set_num_threads(count)
            gradients(network, "fire3", image_of(64, 80))
    finally:
        torch.set_num_threads(threads)
    assert [how[1] for how in recordings(network)] == [1, 2]


def test_an_image_with_channels_first_is_recorded() -> None:
    network = network_for("fire3")
    expected, found = gradients(network, "fire3", image_of(64, 80).contiguous())
    assert torch.equal(found, expected)
    assert None not in recordings(network).values()


def test_a_recording_keeps_the_constants_it_needs() -> None:
    network, image = network_for("fire3"), image_of(64, 80)
    expected, _ = gradients(network, "fire3", image)
    layer_kernels._kept_row.cache_clear()
    # These fill the memory that is free now: mean and standard deviation of a row had this size.
    others = [torch.full((3 * 80,), float("nan")) for _ in range(100)]
    assert torch.equal(network.native_gradient(image, parse("fire3")), expected)
    assert others


def test_a_constant_in_reused_memory_is_not_taken_for_a_recorded_tensor() -> None:
    def forward(image: Tensor) -> dict[int, Tensor]:
        total, seen = layer_kernels.relu(image), set[int]()
        while True:
            place = torch.empty_like(image).data_ptr()
            more = torch.full(image.shape, 3.0)
            if more.data_ptr() in seen | {place}:
                return {1: layer_kernels.accumulate(total, more)}
            seen.add(place)

    image = torch.rand(1, 1, 64, 80)
    recording = record(forward, lambda values, gradients: layer_kernels.relu(gradients[1]), image, [1], [1])
    run = recording.replay(image)
    assert torch.equal(run.outputs[1], image + 3)
    assert torch.equal(run.backward(run.outputs), image + 3)


def grown_by(work: Callable[[], object], times: int) -> float:
    """Return by how many MB the process grows in `times` calls of `work`, after ten others."""
    for _ in range(10):
        work()
    gc.collect()
    before = resident_mb()
    if before is None:
        pytest.skip("this system does not report the memory of a process")
    for _ in range(times):
        work()
    gc.collect()
    return (resident_mb() or 0) - before


def test_replays_leak_no_memory() -> None:
    network, image = network_for("fire4"), image_of(128, 160)
    # The results alone have 0.24 MB each, 72 MB in total.
    assert grown_by(lambda: network.native_gradient(image, parse("fire4")), 300) < 20


@pytest.mark.parametrize("conversion", [aoti._PublicConversion, aoti._PrivateConversion])
def test_both_conversions_of_tensors_give_the_same_and_leak_no_memory(conversion, monkeypatch) -> None:
    """torch has had the public one since 2.14."""
    if conversion is aoti._PublicConversion and not conversion.exists():
        pytest.skip("this torch has no public conversion")
    monkeypatch.setattr(aoti.handles(), "_conversion", conversion())
    network, image = network_for("fire4"), image_of(128, 160)
    expected, found = gradients(network, "fire4", image)
    assert torch.equal(found, expected)
    assert None not in recordings(network).values()
    assert grown_by(lambda: network.native_gradient(image, parse("fire4")), 300) < 20
    tensor = torch.ones(3)
    references = sys.getrefcount(tensor)
    handle = aoti.handles().of(tensor)
    assert torch.equal(aoti.handles().tensor(handle), tensor)
    aoti.handles().drop([handle])
    assert sys.getrefcount(tensor) == references


def test_recordings_are_freed_with_their_network() -> None:
    # 2.8 MB of weights, copied for each direction: 57 MB in total.
    assert grown_by(lambda: network_for("fire9").native_gradient(image_of(64, 64), parse("fire9")), 10) < 20


def test_constants_of_a_failed_recording_are_freed() -> None:
    def forward(image: Tensor) -> dict[int, Tensor]:
        weights = torch.ones(1, 64, 256, 256).contiguous(memory_format=torch.channels_last)  # 16 MB
        layer_kernels.accumulate(torch.empty_like(weights), weights)
        return {1: image * 2}

    def attempt() -> None:
        with pytest.raises(UnrecordableError, match=r"aten\.mul"):
            record(forward, lambda values, gradients: gradients[1], image_of(8, 8), [1], [1])

    assert grown_by(attempt, 10) < 20


def test_a_pass_that_cannot_be_recorded_goes_layer_by_layer(caplog) -> None:
    caplog.set_level(logging.INFO)
    layers = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3, groups=4)).requires_grad_(False)
    traced = fx.symbolic_trace(layers)
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    output.args = ((output.args[0],),)
    body = NetworkPass(traced, torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1))
    image = image_of(32, 40)
    expected, found = (run.backward([2 * run.outputs[0]]) for run in (body.run(image), body.run(image, [True])))
    assert expected is not None
    assert found is not None
    assert torch.equal(found, expected)
    assert list(body._recordings.values()) == [None]
    assert "each step goes layer by layer: aten.convolution_backward" in caplog.text


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("function", range(1, len(aoti._FUNCTIONS)), ids=aoti._FUNCTIONS[1:])
def test_a_step_is_repeated_without_replay_when_torch_fails(function, recorded, monkeypatch, caplog) -> None:
    network = network_for("fire3")
    if recorded:
        gradients(network, "fire3", image_of(64, 80))
    expected = network.native_gradient(image_of(64, 80), parse("fire3"), is_repeated=False)
    failing = ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: 1)
    functions = type(aoti.handles().functions)(*aoti.handles().functions)
    functions[function] = ctypes.cast(failing, ctypes.c_void_p).value
    monkeypatch.setattr(aoti.handles(), "functions", functions)
    found = network.native_gradient(image_of(64, 80), parse("fire3"))
    assert found is not None
    assert torch.equal(found, expected)
    assert "torch failed in a recorded pass; repeating the step without replay" in caplog.text
    assert None not in recordings(network).values()


def test_a_step_is_repeated_when_only_its_backward_fails(monkeypatch, caplog) -> None:
    """The gradients of the layers may be overwritten by then, so they are computed again."""
    network = network_for("fire3 + fire2")
    expected, _ = gradients(network, "fire3 + fire2", image_of(64, 80))
    (recording,) = recordings(network).values()
    execute = replay._execute

    def fail_backward(code: Any, slots: Any) -> None:
        execute(code, slots)
        if recording is not None and code is recording.backward_code:
            raise replay.ReplayError("torch failed")

    monkeypatch.setattr(replay, "_execute", fail_backward)
    found = network.native_gradient(image_of(64, 80), parse("fire3 + fire2"))
    assert found is not None
    assert torch.equal(found, expected)
    assert "torch failed; repeating the step without replay" in caplog.text


def test_an_image_of_another_dtype_has_its_own_recording() -> None:
    network, image = network_for("fire3"), image_of(64, 80)
    expected, _ = gradients(network, "fire3", image)
    torch.testing.assert_close(network.native_gradient(image.double(), parse("fire3")), expected)


def test_nan_is_replayed_as_nan() -> None:
    image = torch.full_like(image_of(8, 8), float("nan"))
    recording = record(
        lambda image: {1: layer_kernels.add(image, image)},
        lambda values, gradients: layer_kernels.add(gradients[1], values[1]),
        image,
        [1],
        [1],
    )
    run = recording.replay(image)
    assert run.backward(run.outputs).isnan().all()


def test_a_torch_without_the_interface(monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(aoti, "_FUNCTIONS", ("no_such_function",))
    aoti.handles.cache_clear()
    try:
        network = network_for("fire3")
        expected, found = gradients(network, "fire3", image_of(64, 80))
    finally:
        aoti.handles.cache_clear()
    assert torch.equal(found, expected)
    assert "no_such_function" in caplog.text


def test_without_kernels(monkeypatch) -> None:
    without_kernels(monkeypatch)
    network = network_for("fire3")
    expected, found = gradients(network, "fire3", image_of(64, 80))
    assert torch.equal(found, expected)
    assert list(recordings(network).values()) == [None]


def test_the_number_of_recordings_is_bounded() -> None:
    network = network_for("fire2")
    for width in range(40, 40 + network_pass._RECORDINGS + 3):
        network.native_gradient(image_of(40, width), parse("fire2"))
    assert len(recordings(network)) == network_pass._RECORDINGS


def test_the_tiles_of_a_still_are_not_recorded() -> None:
    """Their sizes are random in each step."""
    settings = DreamSettings(
        layers="fire2", still_height=300, still_steps=2, smallest_octave=200, tile_size=288, jitter=0
    )
    dreamer = Dreamer(settings.replace(precision="float32"))
    dreamer(np.zeros((300, 400, 3), np.uint8))
    # Its octaves have 300x400 and 214x286 pixels; the smaller one fits into a tile.
    assert [how[0] for how in recordings(dreamer.engine.ascent.network)] == [(1, 3, 214, 286)]


def test_dreaming_does_not_import_the_compiler_of_torch() -> None:
    """The import takes longer than everything else before the first frame."""
    code = "import sys, livedream; livedream.Dreamer().prepare((64, 64)); sys.exit('torch._dynamo' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "forward",
    [
        lambda image: {1: image * 2},
        lambda image: {1: torch.empty(3)},
        lambda image: {1: layer_kernels.relu(image[:, :, 2:6])},
        lambda image: {1: torch.zeros(1, 3, 8, 8)},
    ],
    ids=["arithmetic", "a vector", "a view", "unrelated to the image"],
)
def test_other_operations_cannot_be_recorded(forward) -> None:
    with pytest.raises(UnrecordableError):
        record(forward, lambda values, gradients: gradients[1], image_of(8, 8), [1], [1])


def test_a_recording_whose_replay_differs_is_not_used(monkeypatch) -> None:
    monkeypatch.setattr(
        replay.Replay,
        "backward",
        lambda self, gradients: torch.zeros(1, 3, 64, 80).to(memory_format=torch.channels_last),
    )
    network = network_for("fire2")
    expected, found = gradients(network, "fire2", image_of(64, 80))
    assert torch.equal(found, expected)
    assert list(recordings(network).values()) == [None]
