import pytest
import torch

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.grammar import parse
from livedream.dream.network import DreamNetwork
from livedream.dream.objective import layer
from tests.networks import random_network

SIZE = (80, 96)


def picture(size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 255


def ascent(
    layers: str = "fire6", color: float = 1.0, smoothing: str = "none", dtype=torch.float32, weights=None
) -> Ascent:
    objective = parse(layers)
    row = models.find_network("squeezenet")
    loaded = models.load("squeezenet")
    for layer_name, value in (weights or {}).items():
        torch.nn.init.constant_(loaded.get_submodule(layer_name).weight, value)
    network = DreamNetwork(loaded, row, objective, "max")
    return Ascent(network.to_compute(torch.device("cpu"), dtype), objective, color, smoothing)


def losses(ascent: Ascent, x: torch.Tensor, steps: int = 4, **options) -> list[float]:
    size = options.get("size", tuple(x.shape[-2:]))
    values = [ascent.loss(x)]
    for _ in range(steps):
        x = ascent.step(x, size, options.get("shift", (0, 0)), 1.0)
        values.append(ascent.loss(x))
    return values


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["squeezenet", "googlenet", "mobilenet_v3_large", "convnext_tiny"])
def test_loss_rises_for_every_precision(name, dtype) -> None:
    """A network that is written out, one with sums and batch norm, and two that autograd walks."""
    row = models.find_network(name)
    objective = layer(row.best)
    network = DreamNetwork(random_network(name), row, objective, "max").to_compute(torch.device("cpu"), dtype)
    # A CPU without bfloat16 instructions needs seconds for a step on more.
    values = losses(Ascent(network, objective, 1.0, "none"), picture((row.smallest, row.smallest)), steps=2)
    assert values == sorted(values)
    assert values[-1] > values[0] * 1.01


@pytest.mark.parametrize("layers", ["fire4", "fire5", "fire6", "fire8", "fire9", "fire6 + 0.5*fire9:77"])
@pytest.mark.parametrize("smoothing", ["none", "gaussian", "laplacian"])
def test_loss_rises_for_every_smoothing(layers, smoothing) -> None:
    values = losses(ascent(layers, smoothing=smoothing, color=0.5), picture())
    assert values == sorted(values)
    assert values[-1] > values[0] * 1.05


def test_loss_rises_through_octave_and_shift() -> None:
    values = losses(ascent(), picture(), size=(57, 69), shift=(7, -11))
    assert values[-1] > values[0] * 1.05


def test_mean_change_is_the_step_size() -> None:
    x = picture()
    for smoothing in ("none", "gaussian", "laplacian"):
        change = ascent(smoothing=smoothing).step(x, SIZE, (3, 5), 2.5) - x
        assert float(change.abs().mean()) == pytest.approx(2.5, rel=1e-4)


def test_step_leaves_its_picture_alone() -> None:
    x = picture()
    before = x.clone()
    ascent().step(x, SIZE, (0, 0), 1.0)
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_shift_is_undone() -> None:
    # Far from the rim, where nothing wraps around, a shift by the stride of the deepest layer used changes nothing:
    # fire4 sees every eighth pixel.
    x = picture((160, 160))
    change = ascent("fire4").step(x, (160, 160), (0, 0), 1.0) - x
    shifted = ascent("fire4").step(x, (160, 160), (16, -8), 1.0) - x
    centre = (slice(None), slice(None), slice(60, 100), slice(60, 100))
    assert torch.nn.functional.cosine_similarity(change[centre].flatten(), shifted[centre].flatten(), dim=0) > 0.99


def test_color_zero_changes_all_channels_alike() -> None:
    change = ascent(color=0).step(picture(), SIZE, (0, 0), 1.0) - picture()
    torch.testing.assert_close(change[:, 0], change[:, 1], atol=1e-4, rtol=0)
    torch.testing.assert_close(change[:, 0], change[:, 2], atol=1e-4, rtol=0)
    assert float(change.abs().mean()) == pytest.approx(1.0, rel=1e-4)


def test_zero_gradient_leaves_the_picture() -> None:
    climber = ascent("fire6:0", weights={"conv1": 0})
    x = picture()
    assert torch.equal(climber.step(x, SIZE, (0, 0), 1.0), x)
    assert int(climber.dropped) == 0


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("smoothing", ["none", "gaussian", "laplacian"])
def test_step_that_is_not_finite_is_dropped_and_counted(poison, smoothing) -> None:
    climber = ascent(smoothing=smoothing, weights={"fire6.squeeze1x1": poison})
    x = picture()
    assert torch.equal(climber.step(x, SIZE, (1, 1), 1.0), x)
    assert torch.equal(climber.step(x, SIZE, (1, 1), 1.0), x)
    assert int(climber.dropped) == 2


def test_gaussian_smoothing_takes_fine_grain_away() -> None:
    def grain(smoothing: str) -> float:
        change = ascent(smoothing=smoothing).step(picture(), SIZE, (0, 0), 1.0) - picture()
        return float((change[..., 1:] - change[..., :-1]).abs().mean())

    assert grain("gaussian") < 0.8 * grain("none")
    assert grain("laplacian") < 0.8 * grain("none")


def test_scale_of_the_loss_comes_back_from_overflows(monkeypatch) -> None:
    """As a GPU steps, where numbers stay on the device: 40 times 1/16 would be 0 in float32, and no gradient ever."""
    ascending, size = ascent(), torch.ones(())
    with monkeypatch.context() as patch:
        patch.setattr(ascending, "_gradient", lambda picture, objective: torch.full_like(picture, torch.nan))
        for _ in range(40):
            assert torch.equal(ascending.step(picture(), SIZE, (0, 0), size), picture())
    assert int(ascending.take_dropped()) == 40
    low = float(ascending._loss_scale)
    moved = ascending.step(picture(), SIZE, (0, 0), size)
    assert float((moved - picture()).abs().mean()) == pytest.approx(1, rel=1e-3)
    assert low < float(ascending._loss_scale) <= 1
    ascending._loss_scale.fill_(1)
    ascending.step(picture(), SIZE, (0, 0), size)
    assert float(ascending._loss_scale) == 1
    assert int(ascending.take_dropped()) == 0
