import pytest
import torch

from livedream.dream.objective import channel, layer, parse
from livedream.errors import ArgumentError


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("fire6", layer("fire6")),
        ("features.22", layer("features.22")),
        ("fire9:77", channel("fire9", 77)),
        ("fire6 + 0.5*fire9:77", layer("fire6") + 0.5 * channel("fire9", 77)),
        (" .5 * a+-2*b:0 ", 0.5 * layer("a") + -2 * channel("b", 0)),
    ],
)
def test_text_and_objects_mean_the_same(text, objective) -> None:
    assert parse(text) == objective
    assert parse(str(objective)) == objective


@pytest.mark.parametrize("text", ["", "fire6 +", "fire6:", "fire6:x", "2 fire6", "fire 6", "*fire6", "fire6 - fire5"])
def test_other_text_is_refused(text) -> None:
    with pytest.raises(ArgumentError, match="layers must be a sum"):
        parse(text)


def test_value_by_hand() -> None:
    activations = {
        "a": torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]),  # squares 1 4 9 16
        "b": torch.tensor([[[[2.0]]]]),
    }
    assert layer("a")(activations) == 7.5
    assert channel("a", 1)(activations) == 12.5
    assert (layer("a") + 0.5 * layer("b"))(activations) == 9.5
    assert (2 * (layer("a") + layer("b")))(activations) == 23


def test_half_precision_squares_do_not_overflow() -> None:
    assert layer("a")({"a": torch.full((1, 1, 2, 2), 60000.0, dtype=torch.float16)}) == pytest.approx(
        60000.0**2, rel=1e-3
    )
