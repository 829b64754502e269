"""Depthwise convolutions and their backward match torch, on any processor and with any number of threads."""

import ctypes
import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from livedream.dream.native import kernels, library
from livedream.dream.native.convolution_ops import Convolution, Padding
from livedream.dream.native.depthwise_ops import Depthwise, is_depthwise
from livedream.dream.native.network_pass import NetworkPass
from livedream.dream.native.ops import Gradients, Values
from tests.dream.without import needs_kernels, without_kernels

LAST = torch.channels_last


def step_for(module: nn.Conv2d, padding: Padding, relu: str, relu_before: str) -> Depthwise:
    """Return a depthwise step and the ReLUs ("none", "ReLU" or "ReLU6") after it and before it."""
    step = Depthwise(2, 1, module, padding)
    step.has_relu, step.ceiling = relu != "none", 6.0 if relu == "ReLU6" else None
    if relu_before != "none":
        producer = Convolution(1, [0], [3], nn.Conv2d(3, module.in_channels, 1))
        producer.has_relu, producer.ceiling = True, 6.0 if relu_before == "ReLU6" else None
        step.producer = producer
    return step


def apply_relu(x: Tensor, relu: str) -> Tensor:
    return x if relu == "none" else torch.relu(x) if relu == "ReLU" else F.relu6(x)


def passes(step: Depthwise, x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output for `x`, and the gradient of `x`."""
    values, gradients = Values(x.new_zeros(1, 3, 1, 1)), Gradients()
    values[1] = x
    step.forward(values)
    step.backward(values, gradients, gradient.clone())
    return values[2], gradients[1]


def cases(count: int, seed: int) -> list[tuple[int, ...]]:
    """Return tuples of channels, rows, columns, kernel size, stride, padding, additional padding, images."""
    draw = random.Random(seed)
    found: list[tuple[int, ...]] = []
    for _ in range(count):
        side = draw.choice((3, 5))
        found.append(
            (
                draw.choice((16, 24, 72, 200)),
                draw.randint(side, 23),
                draw.randint(side, 23),
                side,
                draw.choice((1, 2)),
                draw.choice((0, side // 2)),
                draw.choice((0, 1)),
                draw.choice((1, 2)),
            )
        )
    return found


@pytest.fixture(params=["torch", 1, 3, 4])
def by(request, monkeypatch) -> Iterator[None]:
    """Who computes: torch, or the kernels for a level of x86-64 (level 1 has the vectors that all processors have)."""
    if request.param == "torch":
        without_kernels(monkeypatch)
        yield
        return
    if not kernels.compiled:
        pytest.skip("depthwise.c was not compiled")
    choose = library.function("depthwise_newest")
    choose(ctypes.c_int64(request.param))
    yield
    choose(ctypes.c_int64(4))


def test_output_and_gradient_match_autograd(by) -> None:
    torch.manual_seed(0)
    for number, (channels, rows, columns, side, stride, padding, more, images) in enumerate(cases(24, 1)):
        module = nn.Conv2d(channels, channels, side, stride, padding, groups=channels, bias=number % 2 == 0)
        module.requires_grad_(False)
        padding_around = (0, more, 0, more)
        assert is_depthwise(module, padding_around)
        relus = "none", "ReLU", "ReLU6"
        after, before = relus[number % 3], relus[number // 3 % 3]
        leaf = (torch.randn(images, channels, rows, columns) * 4).requires_grad_()
        x = apply_relu(leaf, before)
        expected = apply_relu(module(F.pad(x, padding_around)), after)
        gradient = torch.randn_like(expected)
        (expected_gradient,) = torch.autograd.grad(expected, leaf, gradient)
        found = passes(
            step_for(module, padding_around, after, before),
            x.detach().contiguous(memory_format=LAST),
            gradient.contiguous(memory_format=LAST),
        )
        for each, wanted in zip(found, (expected.detach(), expected_gradient), strict=True):
            assert float((each - wanted).norm()) <= 1e-5 * float(wanted.norm())


@needs_kernels
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_bits_do_not_depend_on_the_number_of_threads(dtype) -> None:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    try:
        for channels, rows, columns, side, stride, padding, more, images in cases(6, 2):
            module = nn.Conv2d(channels, channels, side, stride, padding, groups=channels).requires_grad_(False)
            step = step_for(module, (more, 0, more, 0), "ReLU6", "ReLU6")
            x = (torch.randn(images, channels, 4 * rows, columns) * 4).to(dtype).contiguous(memory_format=LAST)
            found = []
            for threads in (1, 2, 3, 7):
                torch.set_num_threads(threads)
                values = Values(x)
                values[1] = x
                step.forward(values)
                found.append(passes(step, x, values[2] - 3))
            for each in found[1:]:
                assert all(torch.equal(one, other) for one, other in zip(found[0], each, strict=True))
    finally:
        torch.set_num_threads(before)


def test_bfloat16_is_rounded_to_nearest(by) -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(40, 40, 5, 2, 2, groups=40).to(torch.bfloat16).requires_grad_(False)
    x = torch.randn(1, 40, 17, 23).to(torch.bfloat16).contiguous(memory_format=LAST)
    found, _ = passes(step_for(module, (0, 0, 0, 0), "none", "none"), x, torch.zeros(1, 40, 9, 12, dtype=x.dtype))
    expected = module.double()(x.double())
    # Half of the last of eight bits, plus the error of float32.
    assert float(((found.double() - expected).abs() / expected.abs().clamp_min(1e-2)).max()) <= 2**-8


@pytest.mark.parametrize("by", [1, 3, 4], indirect=True)  # oneDNN's own ReLU6 stops NaN
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_nan_passes_through(dtype, by) -> None:
    module = nn.Conv2d(16, 16, 3, padding=1, groups=16).to(dtype).requires_grad_(False)
    x = torch.ones(1, 16, 9, 9, dtype=dtype).contiguous(memory_format=LAST)
    x[0, 3, 4, 4] = float("nan")
    output, gradient = passes(step_for(module, (0, 0, 0, 0), "ReLU6", "ReLU6"), x, torch.full_like(x, float("nan")))
    assert output.isnan().nonzero().tolist() == [[0, 3, y, x] for y in (3, 4, 5) for x in (3, 4, 5)]
    assert gradient[0, 3, 4, 4].isnan()


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(16, 16, 7, padding=3, groups=16),
        nn.Conv2d(16, 16, 3, stride=3, groups=16),
        nn.Conv2d(16, 16, 3, dilation=2, groups=16),
        nn.Conv2d(16, 16, (3, 5), groups=16),
        nn.Conv2d(16, 32, 3, groups=16),
        nn.Conv2d(16, 16, 3, groups=8),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv2d(16, 16, 3, padding=3, groups=16),
    ],
    ids=["large", "stride", "dilated", "oblong", "two for each", "groups", "few", "padded"],
)
def test_other_convolutions_are_not_depthwise(module) -> None:
    assert not is_depthwise(module, (0, 0, 0, 0))


@pytest.mark.parametrize("is_output", [False, True])
@pytest.mark.parametrize("read_twice", [False, True])
def test_the_backward_of_a_relu6_is_applied_once(is_output, read_twice) -> None:
    torch.manual_seed(0)
    first = nn.Conv2d(3, 16, 3)
    depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
    root = nn.ModuleDict({"first": first, "depthwise": depthwise}).requires_grad_(False)
    graph = fx.Graph()
    activation = graph.call_function(F.relu6, (graph.call_module("first", (graph.placeholder("x"),)),))
    result = graph.call_module("depthwise", (activation,))
    if read_twice:
        result = graph.call_function(torch.add, (activation, result))
    graph.output((result, activation) if is_output else (result,))
    traced = fx.GraphModule(root, graph)
    mean, std = torch.zeros(1, 3, 1, 1), torch.full((1, 3, 1, 1), 0.1)
    leaf = torch.rand(1, 3, 20, 31).requires_grad_()
    gradients = []
    for outputs in (traced((leaf - mean) / std), NetworkPass(traced, mean, std)(leaf)):
        (gradient,) = torch.autograd.grad(sum(output.square().sum() for output in outputs), leaf)
        gradients.append(gradient)
    expected, found = gradients
    assert float((found - expected).norm()) <= 1e-5 * float(expected.norm())
