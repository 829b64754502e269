"""Which preset comes when."""

from fractions import Fraction
from itertools import pairwise

import pytest

from livedream import DreamSettings, preset_names
from livedream.errors import ArgumentError
from livedream.presets import load_preset, tour_presets
from livedream.presets.tour import Tour

PRESETS = {name: DreamSettings(strength=1 + place / 10) for place, name in enumerate("abcde")}


def order(tour: Tour, count: int) -> str:
    return "".join(tour.preset(number)[0] for number in range(1, count + 1))


def test_changes_fall_on_exact_times() -> None:
    tour = Tour(PRESETS, Fraction(20), seed=0, began=Fraction(7))
    times: list[Fraction | int] = [0, 7, 26, Fraction(26999, 1000), 27, 46, 47, 7 + 20 * 100]
    assert [tour.changes(Fraction(time)) for time in times] == [0, 0, 0, 0, 1, 1, 2, 100]
    assert [tour.moment(number) for number in (1, 2)] == [27, 47]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("names", ["ab", "abc", "abcde"])
def test_each_comes_once_before_any_again_and_never_twice_in_a_row(seed: int, names: str) -> None:
    presets = {name: PRESETS[name] for name in names}
    many = len(names)
    found = order(Tour(presets, Fraction(20), seed=seed), 10 * many)
    assert all(sorted(found[begin : begin + many]) == list(names) for begin in range(0, len(found), many))
    assert all(one != other for one, other in pairwise(found))


def test_what_is_shown_at_the_beginning_has_had_its_turn() -> None:
    for seed in range(20):
        found = order(Tour(PRESETS, Fraction(20), seed=seed, first="c"), 9)
        assert sorted(found[:4]) == list("abde")
        assert sorted(found[4:9]) == list("abcde")


def test_the_order_depends_on_the_seed_alone() -> None:
    orders = [order(Tour(PRESETS, Fraction(20), seed=seed, first="a"), 12) for seed in (0, 0, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len(set(orders)) > 2
    late = Tour(dict(reversed(PRESETS.items())), Fraction(20), seed=0, first="a")
    assert late.preset(12)[0] == orders[0][11]  # asked for out of order


def test_settings_come_with_the_name() -> None:
    name, settings = Tour(PRESETS, Fraction(20), seed=0).preset(1)
    assert settings is PRESETS[name]


@pytest.mark.parametrize("seconds", [Fraction(1), Fraction(-20), Fraction(3601)])
def test_too_fast_and_too_slow(seconds: Fraction) -> None:
    with pytest.raises(ArgumentError, match="invalid time per preset of a tour"):
        Tour(PRESETS, seconds, seed=0)


def test_a_tour_needs_two_presets() -> None:
    with pytest.raises(ArgumentError, match="needs at least two presets, got 1"):
        Tour({"a": PRESETS["a"]}, Fraction(20), seed=0)


def test_presets_that_stay_out_of_a_tour() -> None:
    """The one for `zoom`, the one for pictures, and the twin of `film`."""
    presets = tour_presets()
    assert set(preset_names()) - set(presets) == {"dive", "steady", "still"}
    assert presets["live"] == load_preset("live")
