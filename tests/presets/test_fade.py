import pytest

from livedream import DreamSettings, load_preset, preset_names
from livedream.presets.fade import blend

OLD = DreamSettings(strength=0.5, steps=1, keep=0.9, layers="fire4", pooling="max", working_height=128, seed=1)
NEW = DreamSettings(strength=1.5, steps=4, keep=0.98, layers="fire9", pooling="average", working_height=256, seed=9)


def test_numbers_go_over_evenly_and_the_rest_at_once() -> None:
    half = blend(OLD, NEW, 0.5)
    assert (half.strength, half.keep) == pytest.approx((1.0, 0.94))
    assert half.steps == 2  # 2.5, to the even one
    assert (half.layers, half.pooling, half.working_height, half.seed) == ("fire9", "average", 256, 9)


def test_it_begins_and_ends_where_it_should() -> None:
    begin = blend(OLD, NEW, 0)
    assert (begin.strength, begin.steps, begin.keep, begin.layers) == (0.5, 1, 0.9, "fire9")
    assert blend(OLD, NEW, 1) == blend(OLD, NEW, 7) == NEW


@pytest.mark.parametrize(
    ("old", "new", "share", "expected"),
    [
        ("all", "person", 0.25, ("person", 0.2)),
        ("person", "all", 0.25, ("person", 0.6)),
        ("person", "motion", 0.25, ("person", 0.4)),
        ("person", "motion", 0.5, ("motion", 0)),
        ("person", "motion", 0.75, ("motion", 0.4)),
        ("still", "still", 0.25, ("still", 0.8)),
    ],
)
def test_masks_fade_by_their_strength(old, new, share, expected) -> None:
    found = blend(DreamSettings(mask=old, mask_strength=0.8), DreamSettings(mask=new, mask_strength=0.8), share)
    assert (found.mask, found.mask_strength) == (expected[0], pytest.approx(expected[1]))


def test_a_mask_in_the_layers_holds_while_another_is_added() -> None:
    old = DreamSettings(layers="fire4 + mask:person")
    assert blend(old, old.replace(mask="motion"), 0.25) == old.replace(mask="motion")


@pytest.mark.parametrize("old", preset_names())
@pytest.mark.parametrize("new", preset_names())
def test_every_moment_between_two_presets_is_valid(old: str, new: str) -> None:
    for tenth in range(11):
        blend(load_preset(old), load_preset(new), tenth / 10)
