"""The dream of one picture, and what its keys make of it. No window is needed: the steps are taken one by one."""

import itertools
import threading

import numpy as np
import pytest

from livedream import Dreamer, DreamSettings
from livedream.controls.image_controller import ImageController
from livedream.frame import Frame
from livedream.presets import load_preset
from tests.pipeline.parts import SECONDS, make_frame

SETTINGS = DreamSettings(layers="fire5", still_steps=2, smallest_octave=45, precision="float32", device="cpu")
STEPS = 4
"""Two octaves, of 67 and 48 lines."""


@pytest.fixture(scope="module")
def dreamer() -> Dreamer:
    return Dreamer(SETTINGS)


@pytest.fixture
def picture() -> Frame:
    pixels = np.random.default_rng(0).integers(0, 256, (67, 100, 3), np.uint8)
    return Frame(pixels, make_frame(0).time, 0)


@pytest.fixture
def finished() -> "list[Frame]":
    return []


@pytest.fixture
def controller(dreamer, finished) -> ImageController:
    dreamer.settings = SETTINGS
    return ImageController(dreamer, "still", on_finished=lambda frame, seconds: finished.append(frame))


def shown(controller: ImageController, frame: Frame) -> Frame:
    return controller.compose(controller.dream(controller.analyze(frame)))


def at_rest(controller: ImageController, frames, do) -> "Frame | None":
    """Do something while the dream stands, and return the frame that comes of it; None when none does."""
    came: list[Frame] = []
    thread = threading.Thread(target=lambda: came.extend(itertools.islice(frames, 1)))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive(), "it does not rest"
    do()
    thread.join(SECONDS)
    assert not thread.is_alive(), "nothing came"
    return came[0] if came else None


def test_it_rests_when_it_is_finished_until_nobody_watches(controller, picture, finished) -> None:
    frames = controller.frames(picture)
    steps = list(itertools.islice(frames, STEPS))
    assert [frame.index for frame in steps] == list(range(STEPS))
    assert (controller.step, controller.steps, finished) == (STEPS, STEPS, [])
    assert at_rest(controller, frames, controller.leave) is None
    assert np.array_equal(finished[0].pixels, steps[-1].pixels)
    assert np.array_equal(steps[-1].source, picture.pixels)
    assert [text[:12] for text in controller.messages.texts] == ["finished in "]


def test_a_changed_control_begins_anew_and_a_preset_has_its_own_look(controller, picture, finished) -> None:
    frames = controller.frames(picture)
    first = list(itertools.islice(frames, STEPS))
    again = at_rest(controller, frames, lambda: controller.turn("strength", -3))
    assert (again.index, controller.step, controller.in_force.strength) == (STEPS, 1, 0.7)
    assert not np.array_equal(again.pixels, first[0].pixels)
    controller.fade_to("stone-town")  # in the middle of a dream
    next(frames)
    assert controller.step == 1
    assert controller.in_force.layers == load_preset("stone-town").layers
    assert controller.in_force.still_steps == load_preset("stone-town").still_steps
    assert len(finished) == 1
    controller.end()


def test_x_dreams_the_same_again(controller, picture, finished) -> None:
    frames = controller.frames(picture)
    steps = list(itertools.islice(frames, STEPS))
    steps += [at_rest(controller, frames, controller.reset), *itertools.islice(frames, STEPS - 1)]
    assert [frame.index for frame in steps] == list(range(2 * STEPS))
    assert all(before.time < after.time for before, after in itertools.pairwise(steps))
    for one, other in zip(steps[:STEPS], steps[STEPS:], strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    controller.end()


def test_mirror_shows_at_rest_and_so_does_who_joins(controller, picture) -> None:
    frames = controller.frames(picture)
    *_, last = itertools.islice(frames, STEPS)
    assert np.array_equal(shown(controller, last).pixels, last.pixels)
    again = at_rest(controller, frames, controller.toggle_mirror)
    assert np.array_equal(shown(controller, again).pixels, last.pixels[:, ::-1])
    assert np.array_equal(controller.newest.source, picture.pixels[:, ::-1])
    assert at_rest(controller, frames, controller.refresh).time > again.time
    controller.end()


def test_a_pause_holds_the_dream(controller, picture) -> None:
    frames = controller.frames(picture)
    next(frames)
    controller.toggle_freeze()
    assert at_rest(controller, frames, controller.toggle_freeze).index == 1
    controller.end()


def test_what_cannot_be_dreamt_is_told_and_the_dream_is_as_before(controller, picture) -> None:
    frames = controller.frames(picture)
    first = next(frames)
    controller.set("weights", "none.pt")
    again = next(frames)
    assert np.array_equal(again.pixels, first.pixels)
    assert (controller.settings, controller.in_force) == (SETTINGS, SETTINGS)
    assert "none.pt" in controller.messages.texts[-1]
    controller.end()


def test_its_keys_are_those_that_mean_something_for_a_picture(controller) -> None:
    keys = {control.name: control.keys for control in controller.controls}
    assert keys["still_steps"] == ("1", "2") and keys["still_height"] == ("5", "6")
    assert not {"steps", "working_height", "keep", "zoom", "rotate"} & keys.keys()
    controller.turn("still_steps", 1)
    assert controller.settings.still_steps == 5
    controller.toggle_tour()
    assert not controller.touring


def test_its_key_of_the_mask_leaves_out_what_moves(controller) -> None:
    masks = []
    for _ in range(3):
        controller.turn("mask", 1)
        masks.append(controller.settings.mask)
    assert masks == ["person", "background", "all"]


def test_a_dream_that_is_paused_goes_on_to_its_end_when_the_window_is_closed(controller, picture, finished) -> None:
    frames = controller.frames(picture)
    next(frames)
    controller.toggle_freeze()
    assert at_rest(controller, frames, controller.leave).index == 1
    assert len(list(frames)) == STEPS - 2
    assert len(finished) == 1
