"""Requests to the controller, and what the dreamer does with them. The test provides the clock of the messages."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from skimage import data

from livedream import Dreamer, DreamSettings, Frame, load_preset, preset_names
from livedream.controls.controller import LiveController, neighbour
from livedream.controls.live_state import FADE_SECONDS
from livedream.controls.messages import MOST, SECONDS, Messages
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
def controller(dreamer: Dreamer, clock: Clock) -> Iterator[LiveController]:
    controller = LiveController(dreamer, "live", now=clock)
    yield controller
    controller.close()


def frame(index: int = 0) -> Frame:
    return Frame(PHOTO, Fraction(index, 25), index)


def frame_at(seconds: float) -> Frame:
    return Frame(PHOTO, Fraction(seconds), 0)


def play_until(controller: LiveController, settings: DreamSettings) -> None:
    """Give it frames, all of one moment, until what has to be prepared is there."""
    for _ in range(10_000):
        controller(frame())
        if controller.in_force == settings:
            return
    raise AssertionError(f"{settings} did not come, {controller.in_force} is there")


def test_nothing_asked_for_it_dreams_as_the_dreamer_does(controller: LiveController) -> None:
    plain = Dreamer(QUICK)
    for index in range(4):
        dreamt = controller(frame(index))
        assert np.array_equal(dreamt.pixels, plain(frame(index)).pixels)
        assert (dreamt.time, dreamt.index) == (Fraction(index, 25), index)
        assert dreamt.source is PHOTO
        assert controller.newest is dreamt
    assert np.array_equal(controller(PHOTO[:16, :16]), plain(PHOTO[:16, :16]))  # a picture by itself


def test_a_turned_control_holds_from_the_next_frame(controller: LiveController) -> None:
    controller.turn("strength", -10)
    assert controller.settings.strength == 0
    assert np.array_equal(controller(frame()).pixels, PHOTO)
    assert controller.messages.texts == ["strength 0"]
    controller.turn("steps", 2)
    controller(frame(1))
    assert controller.in_force == QUICK.replace(strength=0, steps=3)


def test_the_key_of_the_mask_goes_through_all_of_them_and_each_fades_in(controller: LiveController) -> None:
    seen = []
    for _ in range(5):
        controller.turn("mask", 1)
        seen.append((controller.settings.mask, controller.messages.texts[-1]))
    assert seen == [(name, f"mask {name}") for name in ("person", "background", "motion", "still", "all")]
    controller.turn("mask", 3)
    controller(frame_at(FADE_SECONDS / 4))
    assert (controller.in_force.mask, controller.in_force.mask_strength) == ("motion", pytest.approx(0.25))
    controller.turn("mask", -2)
    controller(frame_at(FADE_SECONDS / 2))
    assert (controller.in_force.mask, controller.in_force.mask_strength) == ("motion", pytest.approx(0.125))
    controller(frame_at(FADE_SECONDS * 5 / 4))
    assert controller.in_force == controller.settings == QUICK.replace(mask="person")


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
def test_turns(controller: LiveController, name: str, presses: int, value: object) -> None:
    controller.turn(name, presses)
    assert getattr(controller.settings, name) == value
    play_until(controller, QUICK.replace(**{name: value}))


def test_auto_is_the_best_layer_of_the_network(dreamer: Dreamer) -> None:
    dreamer.settings = QUICK.replace(model="squeezenet", layers="auto")  # fire6
    controller = LiveController(dreamer, "live")
    controller.turn("layers", 1)
    assert controller.settings.layers == "fire8"


def test_presets_fade_over_a_second_of_the_frames(controller: LiveController) -> None:
    wanted = load_preset("neon").replace(working_height=64)
    controller.fade_to("neon")
    assert controller.settings == wanted
    # At the first moment its layer, and the numbers of before.
    numbers = ("keep", "jitter", "step_size", "natural_color", "coarseness")
    play_until(controller, wanted.replace(**{name: getattr(QUICK, name) for name in numbers}))
    controller(frame_at(FADE_SECONDS / 2))
    assert controller.in_force.keep == pytest.approx((QUICK.keep + wanted.keep) / 2)
    assert controller.in_force.jitter == (QUICK.jitter + wanted.jitter) // 2
    controller(frame_at(FADE_SECONDS))
    assert controller.in_force == wanted


def test_presets_in_their_order(controller: LiveController) -> None:
    names = preset_names()
    place = names.index("live")
    controller.turn_preset(1)
    assert controller.preset == names[place + 1]
    controller.turn_preset(-2)
    assert controller.preset == names[place - 1]
    assert controller.messages.texts == [f"preset {controller.preset}"]


def test_a_control_turned_in_the_middle_of_a_fade_is_kept(controller: LiveController) -> None:
    controller.fade_to("neon")
    controller(frame_at(FADE_SECONDS / 2))
    controller.turn("strength", 5)
    assert controller.settings.strength == 1.5
    wanted = load_preset("neon").replace(working_height=64, strength=1.5)
    for _ in range(10_000):
        controller(frame_at(FADE_SECONDS))
        if controller.in_force == wanted:
            break
    assert controller.in_force == wanted


def test_a_fade_from_the_middle_of_another_does_not_jump(controller: LiveController) -> None:
    controller.set("strength", 4.0)
    controller.fade_to("live")
    controller(frame_at(FADE_SECONDS / 2))
    half = controller.in_force.strength
    assert half == pytest.approx(2.5)
    controller.fade_to("neon")
    controller(frame_at(FADE_SECONDS / 2))
    assert controller.in_force.strength == pytest.approx(half)


def test_what_was_set_by_hand_outlives_a_preset(dreamer: Dreamer, clock: Clock) -> None:
    dreamer.settings = QUICK.replace(keep=0.5)
    controller = LiveController(dreamer, "live", {"keep": 0.5}, now=clock)
    controller.fade_to("tiger")
    assert controller.settings == load_preset("tiger").replace(keep=0.5, working_height=64)


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
    monkeypatch.setattr("livedream.controls.controller.load_preset", lambda name: wanted)
    controller = LiveController(dreamer, "live", given)
    for name, value in {**given, "seed": 7}.items():
        controller.set(name, value)
    controller.fade_to("other")
    assert controller.settings == wanted.replace(**{**given, **kept}, seed=7)


def test_mirror(controller: LiveController) -> None:
    plain = Dreamer(QUICK)
    controller(frame())
    plain(frame())
    controller.toggle_mirror()
    dreamt, expected = controller(frame(1)), plain(frame(1))
    assert np.array_equal(dreamt.pixels, expected.pixels[:, ::-1])  # the dream itself goes on as it was
    assert dreamt.source is not None
    assert np.array_equal(dreamt.source, PHOTO[:, ::-1])
    controller.toggle_mirror()
    assert controller(frame(2)).source is PHOTO
    assert controller.messages.texts == ["mirror off"]


def test_freeze(controller: LiveController) -> None:
    still = controller(frame(0))
    controller.toggle_freeze()
    held = [controller(frame(index)) for index in (1, 2)]
    assert all(np.array_equal(other.pixels, still.pixels) for other in held)
    assert [other.index for other in held] == [1, 2]  # a recording goes on, with true times
    controller.toggle_mirror()
    assert np.array_equal(controller(frame(3)).pixels, still.pixels[:, ::-1])
    controller.toggle_mirror()
    controller.toggle_freeze()
    assert not np.array_equal(controller(frame(4)).pixels, still.pixels)


def test_frame_that_is_held_back_was_not_dreamt(controller: LiveController) -> None:
    """A governor takes it for no sign of a fast machine."""
    efforts: list[float] = []
    for frozen in (False, True, True, False):
        if controller.frozen != frozen:
            controller.toggle_freeze()
        controller(frame(len(efforts)))
        efforts.append(controller.effort)
    assert efforts == [1, 0, 0, 1]


def test_reset_begins_anew(controller: LiveController) -> None:
    first = controller(frame()).pixels
    assert not np.array_equal(controller(frame()).pixels, first)
    controller.reset()
    assert np.array_equal(controller(frame()).pixels, first)
    assert not np.array_equal(controller(frame()).pixels, first)  # once


def test_unknown_names_are_refused_and_nothing_changes(controller: LiveController) -> None:
    with pytest.raises(ArgumentError, match="unknown preset: nature"):
        controller.fade_to("nature")
    with pytest.raises(ArgumentError, match="steps must be"):
        controller.set("steps", 0)
    with pytest.raises(ArgumentError, match="unknown network: squeezenot"):
        controller.set("model", "squeezenot")
    assert controller.settings == QUICK
    assert controller.preset == "live"


def test_an_unknown_layer_is_told_and_the_dream_goes_on_as_it_was(controller: LiveController) -> None:
    controller.set("layers", "fire77")
    for index in range(10_000):
        controller(frame(index))
        if controller.settings == QUICK:
            break
    assert controller.settings == controller.in_force == QUICK
    assert controller.messages.texts[-1] == "unknown layer: fire77"


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    ("name", "value", "message"), [("weights", "none.pt", "none.pt"), ("layers", "fire77", "unknown layer: fire77")]
)
def test_what_cannot_be_prepared_is_one_notice_and_the_dream_goes_on(
    dreamer: Dreamer, live: bool, name: str, value: str, message: str
) -> None:
    controller = LiveController(dreamer, "live", live=live)
    controller.set(name, value)
    seen = [controller.analyze(frame(index)) for index in range(2)]  # a film's frames are looked at ahead
    while controller.settings != QUICK or seen:
        controller.compose(controller.dream(seen.pop(0) if seen else controller.analyze(frame())))
    assert controller.in_force == QUICK
    first, second = controller.messages.texts
    assert first.startswith(name)
    assert message in second


def test_neighbours() -> None:
    assert [neighbour(["a", "b", "c"], "b", presses) for presses in (1, -1, 2, -3)] == ["c", "a", "a", "b"]
    assert neighbour(["a", "b", "c"], "mine.toml", 1) == "a"
    assert neighbour(["a", "b", "c"], "mine.toml", -1) == "c"


def test_messages_are_shown_for_some_seconds(clock: Clock) -> None:
    messages = Messages(clock)
    messages.show("keep 0.98", "keep")
    clock.time += SECONDS / 2
    messages.show("snapshot: a.png")
    messages.show("keep 0.99", "keep")  # in the place of the first
    assert messages.texts == ["snapshot: a.png", "keep 0.99"]
    clock.time += SECONDS
    assert messages.texts == []
    for number in range(2 * MOST):
        messages.show(str(number))
    assert messages.texts == [str(number) for number in range(MOST, 2 * MOST)]
