"""The compiled passes give what torch and OpenCV give."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from livedream.dream.native import kernels, layer_kernels, library
from livedream.dream.stream import residual
from livedream.dream.stream.motion import Flow
from livedream.dream.stream.residual import Carry
from livedream.errors import DeviceError
from tests.dream.without import needs_kernels, without_kernels

LAST = torch.channels_last


def random(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return values.contiguous(memory_format=LAST) if len(shape) == 4 else values


@needs_kernels
def test_they_are_compiled() -> None:
    assert kernels.compiled


@needs_kernels
def test_kernels_of_another_version_are_named_with_a_hint() -> None:
    with pytest.raises(DeviceError, match="another version of livedream") as refused:
        library.function("not_yet_invented")
    assert "pip install -e ." in refused.value.hint


def test_max_pool_by_hand() -> None:
    # A ReLU gave these: one row of the maximum 5 in both windows, a window of zeros, and an edge that no window holds.
    x = torch.tensor([[0.0, 5.0, 0.0, 0.0, 0.0, 9.0], [3.0, 0.0, 0.0, 0.0, 0.0, 9.0]])[None, None]
    window = layer_kernels.Window((2, 2), (2, 2), (0, 0), (1, 1), False)
    pooled, back = layer_kernels.max_pool(x[..., :5].contiguous(memory_format=LAST), window, True)
    assert pooled.tolist() == [[[[5, 0]]]]
    assert back(torch.tensor([[[[7.0, 11.0]]]])).tolist() == [[[[0, 7, 0, 0, 0], [0, 0, 0, 0, 0]]]]


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((1, 64, 17, 23), ((3, 3), (2, 2), (0, 0), (1, 1), False)),
        ((2, 70, 16, 22), ((3, 3), (2, 2), (0, 0), (1, 1), True)),
        ((1, 48, 15, 15), ((3, 3), (1, 1), (1, 1), (1, 1), False)),
        ((1, 130, 14, 9), ((2, 2), (2, 2), (0, 0), (1, 1), False)),
        ((1, 16, 13, 11), ((3, 2), (2, 3), (1, 0), (1, 1), True)),
    ],
)
@pytest.mark.parametrize("rectified", [True, False])
def test_max_pool_and_its_way_back_are_torchs(shape, window, rectified, dtype, monkeypatch) -> None:
    x = random(*shape, dtype=dtype)
    if rectified:
        x = x.relu()
    found, back = layer_kernels.max_pool(x, layer_kernels.Window(*window), rectified)
    gradient = random(*found.shape, dtype=dtype, seed=1)
    given_back = back(gradient)
    without_kernels(monkeypatch)
    expected, plain_back = layer_kernels.max_pool(x, layer_kernels.Window(*window), rectified)
    assert torch.equal(found, expected)
    # torch adds up bfloat16 in bfloat16.
    torch.testing.assert_close(
        given_back, plain_back(gradient), rtol=0.02, atol=0.02 if dtype == torch.bfloat16 else 1e-6
    )


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_is_no_number_gets_through(dtype) -> None:
    x = random(1, 64, 9, 9, dtype=dtype)
    # With either sign: by sign and size alone, that with a minus would be the smallest.
    whole, positive = {torch.float32: (torch.int32, 0x7FC00000), torch.bfloat16: (torch.int16, 0x7FC0)}[dtype]
    for sign in (0, torch.iinfo(whole).min):
        x.view(whole)[0, 3, 4, 4] = positive + sign
        pooled, _ = layer_kernels.max_pool(x, layer_kernels.Window((3, 3), (2, 2), (0, 0), (1, 1), False), True)
        assert pooled.isnan().any()
        assert layer_kernels.relu_backward(torch.ones_like(x), x)[0, 3, 4, 4] == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_relu6_lets_gradients_through_between_its_bounds(dtype) -> None:
    output = torch.tensor([0.0, 0.5, 3.0, 5.9375, 6.0, float("nan")], dtype=dtype).view(1, 6, 1, 1)
    through = layer_kernels.relu6_backward(torch.ones_like(output).contiguous(memory_format=LAST), output)
    assert through.flatten().tolist() == [0, 1, 1, 1, 0, 1]  # what is no number gets on, to where it is noticed


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_passes_of_a_step_are_torchs(dtype, monkeypatch) -> None:
    picture = (random(2, 3, 33, 47) * 80).contiguous(memory_format=LAST)
    mean, std = torch.tensor([104.0, 117, 123]).view(1, 3, 1, 1), torch.tensor([58.0, 57, 1]).view(1, 3, 1, 1)
    output, gradient = random(1, 70, 40, 50, dtype=dtype), random(1, 70, 40, 50, dtype=dtype, seed=1)
    blocks = random(2, 16, 17, 24, dtype=dtype)

    def unblocked(block: tuple[int, int], padding: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
        result = torch.full(shape, 7.0).contiguous(memory_format=LAST)
        layer_kernels.depth_to_space(blocks, block, padding, result)
        return result

    def interleaved(reached: tuple[int, int], padding: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
        result = torch.full(shape, 7.0, dtype=dtype).contiguous(memory_format=LAST)
        layer_kernels.interleave(blocks, reached, (2, 3), padding, result)
        return result

    def results() -> list[Tensor]:
        return [
            layer_kernels.normalise(picture, mean, std, dtype),
            layer_kernels.add(gradient, output),
            layer_kernels.zero_pad(output, (2, 0, 1, 3)),
            interleaved((2, 2), (1, 0), (2, 4, 34, 71)),
            interleaved((1, 1), (0, 2), (2, 16, 33, 70)),
            layer_kernels.relu(output),
            layer_kernels.accumulate(gradient.clone(), output),
            layer_kernels.relu_backward(gradient.clone(), output),
            layer_kernels.relu6_backward(gradient.clone(), 6 * output),  # half of them are below 0, some above 6
            unblocked((2, 2), (0, 0), (2, 3, 33, 47)),
            unblocked((2, 2), (1, 1), (2, 3, 35, 50)),
            unblocked((1, 5), (0, 2), (2, 3, 17, 118)),
            kernels.roll(picture, -5, 7),
            kernels.climb(picture, picture.flip(2).contiguous(memory_format=LAST), 0.3),
        ]

    found = results()
    without_kernels(monkeypatch)
    for one, other in zip(found, results(), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-6 if dtype == torch.float32 else 0.01, atol=1e-5)


@needs_kernels
def test_absolute_mean_is_the_same_however_many_threads() -> None:
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
@pytest.mark.parametrize("withheld", [True, False])
def test_what_is_inherited_is_what_opencv_moves(withheld, monkeypatch) -> None:
    maps, size = (48, 64), (96, 128)
    numbers = np.random.default_rng(0)
    vectors = numbers.normal(0, 4, (*maps, 2)).astype(np.float32)
    vectors[20:] = 0  # where the scene stands
    flow = Flow(vectors, numbers.random(maps).astype(np.float32))
    # A smooth residual: OpenCV places a pixel to 1/32 of a pixel.
    left, held, picture = (
        (F.avg_pool2d(random(1, 3, *size, seed=seed) * 100, 9, 1, 4)).contiguous(memory_format=LAST)
        for seed in range(3)
    )
    state = Carry(left, held if withheld else None)
    found = residual.inherit(picture, state, flow, 0.9)
    without_kernels(monkeypatch)
    expected = residual.inherit(picture, state, flow, 0.9)
    assert float((expected[0] - picture).abs().mean()) > 1
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert float((one - other).abs().mean()) < 0.05


@needs_kernels
@pytest.mark.parametrize("known", [True, False])
def test_what_is_left_is_what_torch_calculates(known, monkeypatch) -> None:
    dream, before, picture, held = ((random(1, 3, 31, 47, seed=seed) * 90 + 120) for seed in range(4))
    found = residual.settle(dream, before, picture, held if known else None, 0.6)
    without_kernels(monkeypatch)
    expected = residual.settle(dream, before, picture, held if known else None, 0.6)
    torch.testing.assert_close(found.left.residual, expected.left.residual)
    torch.testing.assert_close(found.left.withheld, expected.left.withheld, rtol=1e-5, atol=1e-3)
    assert float((found.shown - expected.shown).abs().max()) <= 0.501  # rounded


@needs_kernels
def test_pixels_are_added_as_opencv_adds() -> None:
    numbers = np.random.default_rng(0)
    pixels = numbers.integers(0, 256, (33, 47, 3), np.uint8)
    residual_pixels = numbers.integers(-1020, 1021, (33, 47, 3), np.int16)
    assert np.array_equal(
        kernels.add_pixels(pixels, residual_pixels), cv2.add(pixels, residual_pixels, dtype=cv2.CV_8U)
    )
