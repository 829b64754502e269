import pytest
import torch

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.precondition import PLAIN, Preconditioner, TensorPreconditioner, preconditioner
from livedream.dream.objective.objective import layer
from livedream.dream.objective.parser import parse
from tests.dream.dreams import each_look, make_ascent
from tests.networks import random_network

SIZE = (80, 96)


def image(size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 255


def ascent(layers: str = "fire6", dtype=torch.float32, weights=None) -> Ascent:
    objective = parse(layers)
    row = models.find_network("squeezenet")
    loaded = models.load("squeezenet")
    for layer_name, value in (weights or {}).items():
        torch.nn.init.constant_(loaded.get_submodule(layer_name).weight, value)  # type: ignore[arg-type]
    network = DreamNetwork(loaded, row, objective, "max")
    return Ascent(network.to_compute(torch.device("cpu"), dtype), objective)


def losses(ascent: Ascent, x: torch.Tensor, steps: int = 4, by: Preconditioner = PLAIN, **options) -> list[float]:
    size = options.get("size", tuple(x.shape[-2:]))
    values = [ascent.loss(x)]
    for _ in range(steps):
        x = ascent.step(x, size, options.get("shift", (0, 0)), 1.0, by=by)
        values.append(ascent.loss(x))
    return values


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["squeezenet", "googlenet", "mobilenet_v3_large", "convnext_tiny"])
def test_loss_rises_for_every_precision(name, dtype) -> None:
    """Three networks with a hand-written pass (plain layers, branches, inverted bottlenecks), and one with autograd."""
    row = models.find_network(name)
    objective = layer(row.best)
    network = DreamNetwork(random_network(name), row, objective, "max").to_compute(torch.device("cpu"), dtype)
    # A CPU without bfloat16 instructions needs seconds for a step on more.
    values = losses(Ascent(network, objective), image((row.smallest, row.smallest)), steps=2)
    assert values == sorted(values)
    assert values[-1] > values[0] * 1.01


@pytest.mark.parametrize("layers", ["fire4", "fire5", "fire6", "fire8", "fire9", "fire6 + 0.5*fire9:77"])
@each_look
def test_loss_rises_for_every_preconditioner(layers, by) -> None:
    """Their matrices are positive definite, so the result still increases the loss."""
    values = losses(ascent(layers), image(), by=by)
    assert values == sorted(values)
    assert values[-1] > values[0] * 1.05


def test_loss_rises_through_octave_and_shift() -> None:
    values = losses(ascent(), image(), size=(57, 69), shift=(7, -11))
    assert values[-1] > values[0] * 1.05


@each_look
@pytest.mark.parametrize("of", [float, torch.tensor], ids=["number", "tensor"])
def test_mean_change_is_the_step_size(by, of) -> None:
    x = image()
    change = ascent().step(x, SIZE, (3, 5), of(2.5), by=by) - x
    assert float(change.abs().mean()) == pytest.approx(2.5, rel=1e-4)


@each_look
def test_step_sizes_as_numbers_and_as_tensors_give_the_same(by) -> None:
    tensors = TensorPreconditioner(torch.tensor(by.colors).view(3, 3), torch.tensor(by.levels))
    x = image()
    change = ascent().step(x, SIZE, (3, 5), 2.5, by=by) - x
    from_tensors = ascent().step(x, SIZE, (3, 5), torch.tensor(2.5), by=tensors) - x
    assert float((change - from_tensors).abs().max()) < 0.001 * float(change.abs().max())


def test_a_step_does_not_change_its_image() -> None:
    x = image()
    before = x.clone()
    ascent().step(x, SIZE, (0, 0), 1.0)
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_shift_is_undone() -> None:
    # Far from the rim, where nothing wraps around, a shift by the stride of the deepest layer used changes nothing:
    # fire4 sees every eighth pixel.
    x = image((160, 160))
    change = ascent("fire4").step(x, (160, 160), (0, 0), 1.0) - x
    shifted = ascent("fire4").step(x, (160, 160), (16, -8), 1.0) - x
    centre = (slice(None), slice(None), slice(60, 100), slice(60, 100))
    assert torch.nn.functional.cosine_similarity(change[centre].flatten(), shifted[centre].flatten(), dim=0) > 0.99


def test_natural_color_mutes_hues() -> None:
    """At 2 all channels change nearly alike: chroma is multiplied by 0.076^2 or less, see precondition.py."""

    def chroma(natural_color: float) -> float:
        change = ascent().step(image(), SIZE, (0, 0), 1.0, by=preconditioner(natural_color, 0)) - image()
        return float((change - change.mean(1, keepdim=True)).abs().mean())

    neon, muted, grey = map(chroma, (0, 0.5, 2))
    assert neon > 2 * muted > 4 * grey
    assert grey < 0.1


def test_a_zero_gradient_does_not_change_the_image() -> None:
    climber = ascent("fire6:0", weights={"conv1": 0})
    x = image()
    assert torch.equal(climber.step(x, SIZE, (0, 0), 1.0), x)
    assert int(climber.dropped) == 0


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@each_look
def test_step_that_is_not_finite_is_dropped_and_counted(poison, by) -> None:
    climber = ascent(weights={"fire6.squeeze1x1": poison})
    x = image()
    assert torch.equal(climber.step(x, SIZE, (1, 1), 1.0, by=by), x)
    assert torch.equal(climber.step(x, SIZE, (1, 1), torch.tensor(1.0), by=by), x)
    assert int(climber.dropped) == 2


def test_coarseness_removes_fine_detail() -> None:
    def grain(coarseness: float) -> float:
        change = ascent().step(image(), SIZE, (0, 0), 1.0, by=preconditioner(0, coarseness)) - image()
        return float((change[..., 1:] - change[..., :-1]).abs().mean())

    fine, plain, coarse, coarser = map(grain, (-1, 0, 0.8, 1.6))
    assert fine > 1.05 * plain
    assert coarse < 0.8 * plain
    assert coarser < 0.8 * coarse


def test_loss_in_float16_is_magnified_by_the_smallest_layer_and_only_there() -> None:
    """The derivative of a mean over n elements is of the order of 1/n; 128 is the headroom for it to grow."""
    ascending = make_ascent(layers="fire4 + fire9")
    seen = {"fire4": torch.zeros(1, 128, 40, 50), "fire9": torch.zeros(1, 512, 8, 16)}
    assert ascending._magnification(seen) == 1
    ascending.network.dtype = torch.float16
    assert ascending._magnification(seen) == 512 * 8 * 16 / 128


def test_the_loss_scale_recovers_from_overflows(monkeypatch) -> None:
    """With scalars on the device, as on a GPU. Without a lower bound, (1/16)^40 would be 0 in float32."""
    ascending, size = ascent(), torch.ones(())
    with monkeypatch.context() as patch:
        patch.setattr(ascending, "_image_gradient", lambda image, objective: torch.full_like(image, torch.nan))
        for _ in range(40):
            assert torch.equal(ascending.step(image(), SIZE, (0, 0), size), image())
    assert int(ascending.take_dropped()) == 40
    low = float(ascending._loss_scale)
    moved = ascending.step(image(), SIZE, (0, 0), size)
    assert float((moved - image()).abs().mean()) == pytest.approx(1, rel=1e-3)
    assert low < float(ascending._loss_scale) <= 1
    ascending._loss_scale.fill_(1)
    ascending.step(image(), SIZE, (0, 0), size)
    assert float(ascending._loss_scale) == 1
    assert int(ascending.take_dropped()) == 0
