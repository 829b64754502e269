"""What is asked for at the desk, and what the dreamer then does. The clock of the notices is one of the test's."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from skimage import data

from livedream import Dreamer, DreamSettings, Frame, load_preset, preset_names
from livedream.desk.desk import FADE_SECONDS, Desk, neighbour
from livedream.desk.notices import MOST, SECONDS, Notices
from livedream.errors import ArgumentError

QUICK = DreamSettings(model="squeezenet", working_height=64, layers="fire5", jitter=8)
PHOTO = np.ascontiguousarray(data.chelsea()[:72, :96])


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dreamer() -> Dreamer:
    dreamer = Dreamer(QUICK)
    dreamer.prepare((96, 72))
    return dreamer


@pytest.fixture
def desk(dreamer: Dreamer, clock: Clock) -> Iterator[Desk]:
    desk = Desk(dreamer, "live", now=clock)
    yield desk
    desk.close()


def frame(index: int = 0) -> Frame:
    return Frame(PHOTO, Fraction(index, 25), index)


def frame_at(seconds: float) -> Frame:
    return Frame(PHOTO, Fraction(seconds), 0)


def play_until(desk: Desk, settings: DreamSettings) -> None:
    """Give it frames, all of one moment, until what has to be prepared is there."""
    for _ in range(10_000):
        desk(frame())
        if desk.in_force == settings:
            return
    raise AssertionError(f"{settings} did not come, {desk.in_force} is there")


def test_nothing_asked_for_it_dreams_as_the_dreamer_does(desk: Desk) -> None:
    plain = Dreamer(QUICK)
    for index in range(4):
        dreamt = desk(frame(index))
        assert np.array_equal(dreamt.pixels, plain(frame(index)).pixels)
        assert (dreamt.time, dreamt.index) == (Fraction(index, 25), index)
        assert dreamt.source is PHOTO
        assert desk.newest is dreamt
    assert np.array_equal(desk(PHOTO[:16, :16]), plain(PHOTO[:16, :16]))  # a picture by itself


def test_28_a_turned_control_holds_from_the_next_frame(desk: Desk) -> None:
    desk.turn("strength", -10)
    assert desk.settings.strength == 0
    assert np.array_equal(desk(frame()).pixels, PHOTO)
    assert desk.notices.texts == ["strength 0"]
    desk.turn("steps", 2)
    desk(frame(1))
    assert desk.in_force == QUICK.replace(strength=0, steps=3)


def test_the_key_of_the_mask_goes_through_all_of_them_and_each_fades_in(desk: Desk) -> None:
    seen = []
    for _ in range(5):
        desk.turn("mask", 1)
        seen.append((desk.settings.mask, desk.notices.texts[-1]))
    assert seen == [(name, f"mask {name}") for name in ("person", "background", "motion", "still", "all")]
    desk.turn("mask", 3)
    desk(frame_at(FADE_SECONDS / 4))
    assert (desk.in_force.mask, desk.in_force.mask_strength) == ("motion", pytest.approx(0.25))
    desk.turn("mask", -2)
    desk(frame_at(FADE_SECONDS / 2))
    assert (desk.in_force.mask, desk.in_force.mask_strength) == ("motion", pytest.approx(0.125))
    desk(frame_at(FADE_SECONDS * 5 / 4))
    assert desk.in_force == desk.settings == QUICK.replace(mask="person")


@pytest.mark.parametrize(
    ("name", "presses", "value"),
    [
        ("layers", 1, "fire6"),
        ("layers", -1, "fire4"),
        ("layers", -2, "fire9"),  # round and round
        ("coarseness", 99, 2),
        ("pooling", 1, "average"),
        ("pooling", 2, "max"),
        ("working_height", 1, 96),
    ],
)
def test_turns(desk: Desk, name: str, presses: int, value: object) -> None:
    desk.turn(name, presses)
    assert getattr(desk.settings, name) == value
    play_until(desk, QUICK.replace(**{name: value}))


def test_auto_is_the_best_layer_of_the_network(dreamer: Dreamer) -> None:
    dreamer.settings = QUICK.replace(model="squeezenet", layers="auto")  # fire6
    desk = Desk(dreamer, "live")
    desk.turn("layers", 1)
    assert desk.settings.layers == "fire8"


def test_presets_fade_over_a_second_of_the_frames(desk: Desk) -> None:
    wanted = load_preset("neon").replace(working_height=64)
    desk.fade_to("neon")
    assert desk.settings == wanted
    # At the first moment its layer, and the numbers of before.
    numbers = ("keep", "jitter", "step_size", "natural_color", "coarseness")
    play_until(desk, wanted.replace(**{name: getattr(QUICK, name) for name in numbers}))
    desk(frame_at(FADE_SECONDS / 2))
    assert desk.in_force.keep == pytest.approx((QUICK.keep + wanted.keep) / 2)
    assert desk.in_force.jitter == (QUICK.jitter + wanted.jitter) // 2
    desk(frame_at(FADE_SECONDS))
    assert desk.in_force == wanted


def test_presets_in_their_order(desk: Desk) -> None:
    names = preset_names()
    place = names.index("live")
    desk.turn_preset(1)
    assert desk.preset == names[place + 1]
    desk.turn_preset(-2)
    assert desk.preset == names[place - 1]
    assert desk.notices.texts == [f"preset {desk.preset}"]


def test_a_control_turned_in_the_middle_of_a_fade_is_kept(desk: Desk) -> None:
    desk.fade_to("neon")
    desk(frame_at(FADE_SECONDS / 2))
    desk.turn("strength", 5)
    assert desk.settings.strength == 1.5
    wanted = load_preset("neon").replace(working_height=64, strength=1.5)
    for _ in range(10_000):
        desk(frame_at(FADE_SECONDS))
        if desk.in_force == wanted:
            break
    assert desk.in_force == wanted


def test_a_fade_from_the_middle_of_another_does_not_jump(desk: Desk) -> None:
    desk.set("strength", 4.0)
    desk.fade_to("live")
    desk(frame_at(FADE_SECONDS / 2))
    half = desk.in_force.strength
    assert half == pytest.approx(2.5)
    desk.fade_to("neon")
    desk(frame_at(FADE_SECONDS / 2))
    assert desk.in_force.strength == pytest.approx(half)


def test_what_was_set_by_hand_outlives_a_preset(dreamer: Dreamer, clock: Clock) -> None:
    dreamer.settings = QUICK.replace(keep=0.5)
    desk = Desk(dreamer, "live", {"keep": 0.5}, now=clock)
    desk.fade_to("tiger")
    assert desk.settings == load_preset("tiger").replace(keep=0.5, working_height=64)


LITE = {"model": "efficientnet_lite0", "layers": "blocks.4"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, LITE),
        ({"steps": 2}, LITE),
        ({"layers": "fire5"}, {"model": "squeezenet", "layers": "fire5"}),
        ({"model": "squeezenet"}, {"model": "squeezenet", "layers": "auto"}),
        ({"model": "squeezenet", "layers": "fire5"}, {"model": "squeezenet", "layers": "fire5"}),
        ({"weights": "own.safetensors"}, {"model": "squeezenet", "weights": "own.safetensors", "layers": "auto"}),
    ],
)
def test_a_preset_brings_its_network_unless_one_was_given_by_hand(
    dreamer: Dreamer, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], kept: dict[str, Any]
) -> None:
    wanted = QUICK.replace(**LITE, strength=2.0)
    monkeypatch.setattr("livedream.desk.desk.load_preset", lambda name: wanted)
    desk = Desk(dreamer, "live", given)
    for name, value in {**given, "seed": 7}.items():
        desk.set(name, value)
    desk.fade_to("other")
    assert desk.settings == wanted.replace(**{**given, **kept}, seed=7)


def test_mirror(desk: Desk) -> None:
    plain = Dreamer(QUICK)
    desk(frame())
    plain(frame())
    desk.toggle_mirror()
    dreamt, expected = desk(frame(1)), plain(frame(1))
    assert np.array_equal(dreamt.pixels, expected.pixels[:, ::-1])  # the dream itself goes on as it was
    assert dreamt.source is not None
    assert np.array_equal(dreamt.source, PHOTO[:, ::-1])
    desk.toggle_mirror()
    assert desk(frame(2)).source is PHOTO
    assert desk.notices.texts == ["mirror off"]


def test_freeze(desk: Desk) -> None:
    still = desk(frame(0))
    desk.toggle_freeze()
    held = [desk(frame(index)) for index in (1, 2)]
    assert all(np.array_equal(other.pixels, still.pixels) for other in held)
    assert [other.index for other in held] == [1, 2]  # a recording goes on, with true times
    desk.toggle_mirror()
    assert np.array_equal(desk(frame(3)).pixels, still.pixels[:, ::-1])
    desk.toggle_mirror()
    desk.toggle_freeze()
    assert not np.array_equal(desk(frame(4)).pixels, still.pixels)


def test_frame_that_is_held_back_was_not_dreamt(desk: Desk) -> None:
    """A governor takes it for no sign of a fast machine."""
    efforts = []
    for frozen in (False, True, True, False):
        if desk.frozen != frozen:
            desk.toggle_freeze()
        desk(frame(len(efforts)))
        efforts.append(desk.effort)
    assert efforts == [1, 0, 0, 1]


def test_reset_begins_anew(desk: Desk) -> None:
    first = desk(frame()).pixels
    assert not np.array_equal(desk(frame()).pixels, first)
    desk.reset()
    assert np.array_equal(desk(frame()).pixels, first)
    assert not np.array_equal(desk(frame()).pixels, first)  # once


def test_7_unknown_names_are_refused_and_nothing_changes(desk: Desk) -> None:
    with pytest.raises(ArgumentError, match="unknown preset: nature"):
        desk.fade_to("nature")
    with pytest.raises(ArgumentError, match="steps must be"):
        desk.set("steps", 0)
    with pytest.raises(ArgumentError, match="unknown network: squeezenot"):
        desk.set("model", "squeezenot")
    assert desk.settings == QUICK
    assert desk.preset == "live"


def test_7_an_unknown_layer_is_told_and_the_dream_goes_on_as_it_was(desk: Desk) -> None:
    desk.set("layers", "fire77")
    for index in range(10_000):
        desk(frame(index))
        if desk.settings == QUICK:
            break
    assert desk.settings == desk.in_force == QUICK
    assert desk.notices.texts[-1] == "unknown layer: fire77"


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "message"), [("weights", "none.pt", "none.pt"), ("layers", "fire77", "unknown layer: fire77")]
)
def test_what_cannot_be_prepared_is_one_notice_and_the_dream_goes_on(
    dreamer: Dreamer, live: bool, name: str, value: str, message: str
) -> None:
    desk = Desk(dreamer, "live", live=live)
    desk.set(name, value)
    seen = [desk.look(frame(index)) for index in range(2)]  # a film's frames are looked at ahead
    while desk.settings != QUICK or seen:
        desk.compose(desk.dream(seen.pop(0) if seen else desk.look(frame())))
    assert desk.in_force == QUICK
    first, second = desk.notices.texts
    assert first.startswith(name)
    assert message in second


def test_neighbours() -> None:
    assert [neighbour(["a", "b", "c"], "b", presses) for presses in (1, -1, 2, -3)] == ["c", "a", "a", "b"]
    assert neighbour(["a", "b", "c"], "mine.toml", 1) == "a"
    assert neighbour(["a", "b", "c"], "mine.toml", -1) == "c"


def test_notices_stand_for_some_seconds(clock: Clock) -> None:
    notices = Notices(clock)
    notices.tell("keep 0.98", "keep")
    clock.time += SECONDS / 2
    notices.tell("snapshot: a.png")
    notices.tell("keep 0.99", "keep")  # in the place of the first
    assert notices.texts == ["snapshot: a.png", "keep 0.99"]
    clock.time += SECONDS
    assert notices.texts == []
    for number in range(2 * MOST):
        notices.tell(str(number))
    assert notices.texts == [str(number) for number in range(MOST, 2 * MOST)]
