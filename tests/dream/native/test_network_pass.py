import random

import pytest
import torch
from torch import fx, nn

from livedream import models
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.native import convolution_ops
from livedream.dream.native.network_pass import NetworkPass
from livedream.dream.native.ops import UnsupportedLayerError
from livedream.dream.objective.parser import parse
from tests.dream.without import without_kernels
from tests.networks import random_network

CASES = [
    ("squeezenet", "fire9", "max"),
    ("squeezenet", "fire3 + 0.5*fire5:7 + fire4.squeeze1x1", "max"),
    ("squeezenet", "fire6", "average"),
    ("squeezenet", "mean(fire4:7) - 0.5*mean(fire5) + fire4", "max"),
    ("squeezenet1_1", "features.4", "max"),  # ReLU before the concatenation
    ("alexnet", "features.10", "max"),
    ("vgg16", "features.14", "max"),
    ("googlenet", "inception4a", "max"),
    ("googlenet", "inception3a.branch2.0 + inception3b.branch1", "average"),  # single branches of a module
    ("resnet50", "layer2", "max"),
    ("efficientnet_lite0", "blocks.1 + blocks.4", "max"),  # depthwise, ReLU6, asymmetric padding, sums
    ("mobilenet_v3_large", "features.6", "max"),  # hard swish, squeeze and excitation
    ("efficientnet_b0", "features.3", "max"),
    ("inception_v3", "Mixed_5b", "max"),
    ("inception_v3", "Mixed_6a", "max"),  # pooling by a function
]


def gradients(name: str, wanted: str, pooling: str, size: tuple[int, int]) -> list[torch.Tensor]:
    """Return the gradient of an image by autograd through the traced network and through hand-written passes, and by
    the latter without autograd.
    """
    torch.manual_seed(0)
    network = DreamNetwork(random_network(name), models.find_network(name), parse(wanted), pooling)
    network.body.to(memory_format=torch.channels_last)
    image = torch.rand(1, 3, *size) * 255
    found = []
    how = network.mean, network.std
    for body in (network.body, NetworkPass(network.body, *how), NetworkPass(network.body, *how, merge=True)):  # type: ignore[arg-type]
        network.body = body
        leaf = image.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(parse(wanted)(network(leaf)), leaf)
        found.append(gradient)
        if isinstance(body, NetworkPass):
            native = network.native_gradient(image, parse(wanted))
            assert native is not None
            found.append(native)
    return found


@pytest.mark.parametrize("wanted", ["fire3 - 0.1*tv", "fire3 + neuron(fire3:2)"])
def test_other_terms_use_autograd(wanted) -> None:
    network = DreamNetwork(random_network("squeezenet"), models.find_network("squeezenet"), parse(wanted), "max")
    network.to_compute(torch.device("cpu"), torch.float32)
    assert isinstance(network.body, NetworkPass)
    assert network.native_gradient(torch.rand(1, 3, 64, 80), parse(wanted)) is None


def test_weight_layouts_are_kept_for_a_few_shapes_and_results_do_not_depend_on_them() -> None:
    weight, bias = torch.randn(24, 16, 3, 3), torch.randn(24)
    kernel = convolution_ops._PackedConvolution(weight, (1, 1), (1, 1), (1, 1), 1)
    threads = torch.get_num_threads()
    try:
        for size in [*range(8, 8 + 2 * convolution_ops._LAYOUTS), 8]:
            torch.set_num_threads(1 + size % 2)
            image = torch.randn(1, 16, size, 9).contiguous(memory_format=torch.channels_last)
            expected = torch.conv2d(image, weight, bias, padding=1)
            torch.testing.assert_close(kernel(image, bias), expected, rtol=1e-4, atol=1e-4)
    finally:
        torch.set_num_threads(threads)
    assert len(kernel._layouts) == convolution_ops._LAYOUTS


def test_layouts_of_large_weights_are_not_kept() -> None:
    kernel = convolution_ops._PackedConvolution(torch.randn(256, 256, 3, 3), (1, 1), (1, 1), (1, 1), 1)
    kernel(torch.randn(1, 256, 8, 8).contiguous(memory_format=torch.channels_last))
    assert not kernel._layouts


@pytest.mark.parametrize("size", [(96, 112), (75, 101)], ids=str)
@pytest.mark.parametrize(("name", "layers", "pooling"), CASES)
@pytest.mark.parametrize("by", ["kernels", "torch"])
def test_gradient_matches_autograd(name, layers, pooling, size, by, monkeypatch) -> None:
    if by == "torch":
        without_kernels(monkeypatch)
    expected, *found = gradients(name, layers, pooling, size)
    scale = float(expected.abs().mean())
    assert scale > 0
    for each in found:
        assert float((each - expected).abs().mean()) < 1e-5 * scale


@pytest.mark.parametrize(("name", "layers", "pooling"), CASES)
def test_bfloat16_gradient_matches_autograd(name, layers, pooling) -> None:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bfloat16")
    torch.manual_seed(0)
    network = DreamNetwork(random_network(name), models.find_network(name), parse(layers), pooling)
    image = torch.rand(1, 3, 96, 112) * 255
    leaf = image.clone().requires_grad_()
    (expected,) = torch.autograd.grad(parse(layers)(network(leaf)), leaf)
    found = network.to_compute(torch.device("cpu"), torch.bfloat16).native_gradient(image, parse(layers))
    assert found is not None
    assert found.dtype == torch.float32
    assert float(torch.cosine_similarity(found.flatten(), expected.flatten(), 0)) > 0.9


def test_a_batch_of_images() -> None:
    network = DreamNetwork(random_network("squeezenet"), models.find_network("squeezenet"), parse("fire3"), "max")
    fused = NetworkPass(network.body, network.mean, network.std)  # type: ignore[arg-type]
    images = torch.rand(3, 3, 64, 80, requires_grad=True)
    together = torch.autograd.grad(fused(images)[0].square().sum(), images)[0]
    one = images[1:2].detach().requires_grad_()
    alone = torch.autograd.grad(fused(one)[0].square().sum(), one)[0]
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-6 * float(alone.abs().max()))


def test_gradients_that_autograd_shares_are_not_overwritten() -> None:
    """It gives both summands the same tensor."""
    wanted = "fire2 + fire3"
    network = DreamNetwork(random_network("squeezenet"), models.find_network("squeezenet"), parse(wanted), "max")
    network.body.to(memory_format=torch.channels_last)
    found = []
    image = torch.rand(1, 3, 64, 80) * 255
    for body in (network.body, NetworkPass(network.body, network.mean, network.std, merge=True)):  # type: ignore[arg-type]
        network.body = body
        leaf = image.clone().requires_grad_()
        seen = network(leaf)
        found.append(torch.autograd.grad((seen["fire2"] + seen["fire3"]).square().sum(), leaf)[0])
    assert float((found[0] - found[1]).abs().mean()) < 1e-4 * float(found[0].abs().mean())


def test_convolutions_of_one_input_are_merged() -> None:
    network = DreamNetwork(random_network("squeezenet"), models.find_network("squeezenet"), parse("fire3"), "max")
    plain, merged = (NetworkPass(network.body, network.mean, network.std, merge) for merge in (False, True))  # type: ignore[arg-type]
    # conv1 and its pool; then in fire2 and fire3 each a squeeze and two expansions, or one.
    assert [len(body._lowered.steps) for body in (plain, merged)] == [8, 6]


class Drawn(nn.Module):
    """Convolutions with random kernel sizes, strides, paddings and groups."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        layers: list[nn.Module] = []
        channels = 3
        for _ in range(3):
            wide = draw.choice((16, 24, 40))
            sides = draw.randint(1, 4), draw.randint(1, 4)
            padding = draw.randint(0, sides[0] // 2), draw.randint(0, sides[1] // 2)
            layers += [nn.Conv2d(channels, wide, sides, draw.choice((1, 2, (2, 3))), padding), nn.ReLU()]
            groups = draw.choice((1, 4, wide))
            side = draw.choice((3, 5))
            before, after = draw.randint(0, side // 2), draw.randint(0, side // 2)
            layers += [nn.ZeroPad2d((before, after, before, after))] if draw.random() < 0.5 else []
            layers += [nn.Conv2d(wide, wide, side, draw.choice((1, 2)), side // 2, groups=groups), nn.ReLU6()]
            channels = wide
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Modules(nn.Module):
    """Parallel layers, some of them 1x1, whose outputs are concatenated, as in Inception modules."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = random.Random(seed)
        self.first = nn.Conv2d(3, 24, 3, 2)
        self.modules_of = nn.ModuleList()
        channels = 24
        for _ in range(2):
            branches: list[nn.Module] = []
            count = draw.randint(2, 5)
            wide = [draw.choice((8, 16, 20)) for _ in range(count)]
            for out in wide:
                side = draw.choice((1, 1, 3))
                branch: list[nn.Module] = [nn.MaxPool2d(3, 1, 1)] if draw.random() < 0.2 else []
                branch += [nn.Conv2d(channels, out, side, padding=side // 2, bias=draw.random() < 0.7)]
                branch += [nn.ReLU()] if draw.random() < 0.7 else []
                branch += [nn.Conv2d(out, out, 3, padding=1)] if draw.random() < 0.4 else []
                branches.append(nn.Sequential(*branch))
            self.modules_of.append(nn.ModuleList(branches))
            channels = sum(wide)
        self.after = draw.choice((torch.relu, nn.Identity(), nn.MaxPool2d(2, 2, ceil_mode=True)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        for branches in self.modules_of:
            x = self.after(torch.cat([branch(x) for branch in branches], 1))  # type: ignore[attr-defined]
        return x


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("drawn", [Drawn, Modules])
def test_random_networks_match_autograd(drawn, seed) -> None:
    torch.manual_seed(seed)
    draw = random.Random(seed)
    traced = fx.symbolic_trace(drawn(seed).requires_grad_(False))
    expected, found, played = gradients_of(traced, (draw.randint(40, 90), draw.randint(40, 90)))
    for each in (found, played):
        assert float((each - expected).norm()) <= 1e-5 * float(expected.norm())


class Pair(nn.Module):
    """Two 1x1 convolutions of the same input, each an output."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 24, 3)
        self.left, self.right = nn.Conv2d(24, 16, 1), nn.Conv2d(24, 20, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.relu(self.first(x))
        return self.left(x), self.right(x)


@pytest.mark.parametrize("wanted", [0, 1])
def test_one_of_two_merged_convolutions_is_wanted(wanted) -> None:
    torch.manual_seed(0)
    network = Pair().requires_grad_(False)
    image = torch.rand(1, 3, 20, 30).to(memory_format=torch.channels_last).requires_grad_()
    (expected,) = torch.autograd.grad(network(image)[wanted].square().sum(), image)
    traced = fx.symbolic_trace(network)
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    output.args = (tuple(output.args[0]),)
    run = NetworkPass(traced, torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)).run(image.detach())
    gradient = run.backward([2 * each if number == wanted else None for number, each in enumerate(run.outputs)])
    torch.testing.assert_close(gradient, expected)


class Odd(nn.Module):
    """Layers that no network of the registry has: strides that skip pixels, groups, dilation, a ReLU on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, (5, 3), stride=(3, 2), padding=(1, 0))
        self.grouped = nn.Conv2d(16, 16, 3, padding=1, groups=4)
        self.wide = nn.Conv2d(16, 8, 3, padding=2, dilation=2)
        self.strided = nn.Conv2d(24, 32, 3, stride=2)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        y = torch.relu(x) + self.grouped(x)
        return self.pool(torch.relu(self.strided(torch.cat((y, self.wide(x)), 1))))


def gradients_of(traced: fx.GraphModule, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradient of an image by autograd through `traced`, the hand-written pass, and that alone."""
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    output.args = ((output.args[0],),)
    traced.recompile()
    image = torch.rand(1, 3, *size).to(memory_format=torch.channels_last).requires_grad_()
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1), torch.tensor([0.2, 0.25, 0.5]).view(1, 3, 1, 1)
    fused = NetworkPass(traced, mean, std, merge=True)
    results = traced((image - mean) / std), fused(image)
    expected, found = (torch.autograd.grad(result[0].square().sum(), image)[0] for result in results)
    run = fused.run(image.detach(), [True])
    native = run.backward([2 * run.outputs[0]])
    assert native is not None
    return expected, found, native


@pytest.mark.parametrize("size", [(47, 60), (48, 61), (49, 62)], ids=str)
def test_unusual_layers_match_autograd(size) -> None:
    torch.manual_seed(0)
    expected, *found = gradients_of(fx.symbolic_trace(Odd().requires_grad_(False)), size)
    for each in found:
        assert float((each - expected).norm()) <= 1e-5 * float(expected.norm())


class Residual(nn.Module):
    """A sum of two layers whose backward passes both include that of a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        return x + torch.relu(self.second(x))


def test_the_parts_of_a_sum_do_not_share_a_gradient_that_changes() -> None:
    torch.manual_seed(0)
    expected, *found = gradients_of(fx.symbolic_trace(Residual().requires_grad_(False)), (20, 31))
    for each in found:
        assert float((each - expected).norm()) <= 1e-5 * float(expected.norm())


def test_an_unsupported_layer_is_named() -> None:
    traced = fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus()))
    with pytest.raises(UnsupportedLayerError, match="Softplus"):
        NetworkPass(traced, torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1))


@pytest.mark.parametrize("is_repeated", [False, True])
def test_named_channels_need_no_autograd(is_repeated) -> None:
    wanted = parse("dogs + 0.1*fire6", network="squeezenet")
    network = DreamNetwork(random_network("squeezenet"), models.find_network("squeezenet"), wanted, "max")
    bound = wanted.bind(network)
    image = torch.rand(1, 3, 64, 80) * 255
    leaf = image.clone().requires_grad_()
    (expected,) = torch.autograd.grad(bound(network(leaf)), leaf)
    network.to_compute(torch.device("cpu"), torch.float32)
    gradient = network.native_gradient(image, bound, is_repeated)
    assert gradient is not None
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
