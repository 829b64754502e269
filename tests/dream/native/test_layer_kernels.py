"""The compiled layer kernels match torch."""

import pytest
import torch
from torch import Tensor

from livedream.dream.native import layer_kernels
from tests.dream.native.test_kernels import random
from tests.dream.without import needs_kernels, without_kernels

LAST = torch.channels_last


def test_max_pool_by_hand() -> None:
    # Outputs of a ReLU: the maximum 5 is in the first window, the second holds zeros, and no window covers the edge.
    x = torch.tensor([[0.0, 5.0, 0.0, 0.0, 0.0, 9.0], [3.0, 0.0, 0.0, 0.0, 0.0, 9.0]])[None, None]
    window = layer_kernels.Window((2, 2), (2, 2), (0, 0), (1, 1), False)
    pooled, backward = layer_kernels.max_pool(x[..., :5].contiguous(memory_format=LAST), window, True)
    assert pooled.tolist() == [[[[5, 0]]]]
    assert backward(torch.tensor([[[[7.0, 11.0]]]])).tolist() == [[[[0, 7, 0, 0, 0], [0, 0, 0, 0, 0]]]]


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
@pytest.mark.parametrize("includes_relu", [True, False])
def test_max_pool_and_its_backward_match_torch(shape, window, includes_relu, dtype, monkeypatch) -> None:
    x = random(*shape, dtype=dtype)
    if includes_relu:
        x = x.relu()
    found, backward = layer_kernels.max_pool(x, layer_kernels.Window(*window), includes_relu)
    gradient = random(*found.shape, dtype=dtype, seed=1)
    gradient_of_x = backward(gradient)
    without_kernels(monkeypatch)
    expected, torch_backward = layer_kernels.max_pool(x, layer_kernels.Window(*window), includes_relu)
    assert torch.equal(found, expected)
    # torch sums bfloat16 in bfloat16.
    torch.testing.assert_close(
        gradient_of_x, torch_backward(gradient), rtol=0.02, atol=0.02 if dtype == torch.bfloat16 else 1e-6
    )


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_nan_passes_through(dtype) -> None:
    x = random(1, 64, 9, 9, dtype=dtype)
    # With either sign: ordered by its bits alone, NaN with a minus sign would be the smallest.
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
    assert through.flatten().tolist() == [0, 1, 1, 1, 0, 1]  # NaN passes, to be noticed later


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_layer_kernels_match_torch(dtype, monkeypatch) -> None:
    image = (random(2, 3, 33, 47) * 80).contiguous(memory_format=LAST)
    mean, std = torch.tensor([104.0, 117, 123]).view(1, 3, 1, 1), torch.tensor([58.0, 57, 1]).view(1, 3, 1, 1)
    output, gradient = random(1, 70, 40, 50, dtype=dtype), random(1, 70, 40, 50, dtype=dtype, seed=1)
    blocks = random(2, 16, 17, 24, dtype=dtype)

    def rearranged(block: tuple[int, int], padding: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
        result = torch.full(shape, 7.0).contiguous(memory_format=LAST)
        layer_kernels.depth_to_space(blocks, block, padding, result)
        return result

    def interleaved(filled: tuple[int, int], padding: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
        result = torch.full(shape, 7.0, dtype=dtype).contiguous(memory_format=LAST)
        layer_kernels.interleave(blocks, filled, (2, 3), padding, result)
        return result

    def results() -> list[Tensor]:
        return [
            layer_kernels.normalise(image, mean, std, dtype),
            layer_kernels.add(gradient, output),
            layer_kernels.zero_pad(output, (2, 0, 1, 3)),
            interleaved((2, 2), (1, 0), (2, 4, 34, 71)),
            interleaved((1, 1), (0, 2), (2, 16, 33, 70)),
            layer_kernels.relu(output),
            layer_kernels.accumulate(gradient.clone(), output),
            layer_kernels.relu_backward(gradient.clone(), output),
            layer_kernels.relu6_backward(gradient.clone(), 6 * output),  # half of them below 0, some above 6
            rearranged((2, 2), (0, 0), (2, 3, 33, 47)),
            rearranged((2, 2), (1, 1), (2, 3, 35, 50)),
            rearranged((1, 5), (0, 2), (2, 3, 17, 118)),
        ]

    found = results()
    without_kernels(monkeypatch)
    for one, other in zip(found, results(), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-6 if dtype == torch.float32 else 0.01, atol=1e-5)
