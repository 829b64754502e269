import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import SqueezeNet1_1_Weights

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.objective.objective import channel, layer
from livedream.errors import ArgumentError

GOLDFINCH = 11  # in any list of ILSVRC 2012


def test_names_are_those_of_torchvision() -> None:
    assert models.class_names("squeezenet") == SqueezeNet1_1_Weights.IMAGENET1K_V1.meta["categories"]


@pytest.mark.parametrize("text", ["goldfinch", "Goldfinch", " 11 "])
def test_class_by_name_and_number(text) -> None:
    assert models.find_class("squeezenet", text) == GOLDFINCH


@pytest.mark.parametrize("text", ["tiger cat", "tiger_cat", "Tiger-Cat"])
def test_spaces_and_case_make_no_difference(text) -> None:
    assert models.find_class("vgg16", text) == 282


def test_the_hint_for_an_unknown_class_lists_the_closest() -> None:
    with pytest.raises(ArgumentError, match="unknown class: goldfinsh") as caught:
        models.find_class("squeezenet", "goldfinsh")
    assert "goldfinch" in caught.value.hint


def test_the_hint_is_short_if_no_class_is_close() -> None:
    with pytest.raises(ArgumentError, match="unknown class: xyzzyxyzzy") as caught:
        models.find_class("squeezenet", "xyzzyxyzzy")
    assert len(caught.value.hint) < 100


@pytest.mark.parametrize(("text", "count", "hint"), [("1000", 1000, "0 to 999"), ("goldfinch", 365, "0 to 364")])
def test_a_number_out_of_range_and_a_name_without_names_are_refused(text, count, hint) -> None:
    with pytest.raises(ArgumentError) as caught:
        models.find_class("squeezenet", text, count)
    assert caught.value.hint.endswith(hint)


def test_logits_are_the_scores_before_the_relu() -> None:
    row = models.find_network("squeezenet")
    picture = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)) * 255
    whole = models.load("squeezenet")
    seen = []
    whole.conv10.register_forward_hook(lambda module, args, output: seen.append(output))  # type: ignore[union-attr]
    with torch.no_grad():
        whole(picture - torch.tensor(row.mean).view(1, 3, 1, 1))
        network = DreamNetwork(models.load("squeezenet"), row, layer(models.LOGITS), "max")
        found = network(picture)[models.LOGITS]
    torch.testing.assert_close(found, seen[0].mean((2, 3)), rtol=1e-4, atol=1e-3)
    assert float(seen[0].min()) < 0
    with FlopCounterMode(display=False) as cut, torch.no_grad():
        network(picture)
    with FlopCounterMode(display=False) as all_of_it, torch.no_grad():
        whole(picture)
    assert cut.get_total_flops() == all_of_it.get_total_flops()


def test_steps_increase_the_score_of_a_class() -> None:
    objective = channel(models.LOGITS, GOLDFINCH)
    network = DreamNetwork(models.load("squeezenet"), models.find_network("squeezenet"), objective, "max")
    climber = Ascent(network.to_compute(torch.device("cpu"), torch.float32), objective)
    x = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 255
    before = climber.loss(x)
    for _ in range(3):
        x = climber.step(x, (96, 96), (0, 0), 1.0)
    assert climber.loss(x) > before * 1.1
