"""A tour through presets of two networks, as a film and live."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from skimage import data

from livedream import Dreamer, DreamSettings, Frame
from livedream.controls.controller import LiveController
from livedream.dream.ascent import Ascent
from livedream.errors import ArgumentError

BEGIN = DreamSettings(model="squeezenet", working_height=64, layers="fire5", jitter=8, precision="float32", seed=3)
PRESETS = {
    "deep": DreamSettings(model="efficientnet_lite0", layers="blocks.4", step_size=2.0, octaves=2, flow_scale=1.0),
    "fire": DreamSettings(layers="fire4", keep=0.95, zoom=1.01, octaves=4, steps=2),
    "lite": DreamSettings(model="efficientnet_lite0", layers="blocks.2", rotate=0.5),
}
SECONDS = Fraction(2)
RATE = 10


@pytest.fixture(autouse=True)
def presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedream.controls.live_state.tour_presets", lambda: PRESETS)


def frames(begin: int = 0, end: int = 70) -> Iterator[Frame]:
    """A slow pan: 96x72."""
    photo = data.chelsea()
    for index in range(begin, end):
        left = 40 + index % 300
        pixels = np.ascontiguousarray(photo[40:112, left : left + 96])
        yield Frame(pixels, Fraction(index, RATE), index)


def make_controller(**how: Any) -> LiveController:
    dreamer = Dreamer(BEGIN)
    dreamer.prepare((96, 72))
    return LiveController(dreamer, "live", **{"live": False, "tour": SECONDS, **how})


def film(controller: LiveController, begin: int = 0, end: int = 70) -> list[np.ndarray]:
    """Dream as a run does: what looks is two frames ahead of what dreams."""
    found, seen = [], []
    with controller.sharing_cores(live=False):
        for frame in frames(begin, end):
            seen.append(controller.analyze(frame))
            if len(seen) > 2:
                found.append(controller.compose(controller.dream(seen.pop(0))).pixels)
        found += [controller.compose(controller.dream(one)).pixels for one in seen]
    controller.close()
    return found


def test_a_tour_is_one_film_however_it_is_cut_and_whatever_is_prepared_when(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames 0 to 69 change at 20, 40 and 60. Cut before, within and behind a fade, and right at a change."""
    whole = film(make_controller())
    # Prepared only when the change is due, on a dreamer that is looked at and dreamt with in one go.
    monkeypatch.setattr(LiveController, "_prepare_next", lambda self, state, time: None)
    late = make_controller()
    with late.sharing_cores(live=False):
        at_once = [late(frame).pixels for frame in frames()]
    late.close()
    assert all(np.array_equal(a, b) for a, b in zip(whole, at_once, strict=True))
    monkeypatch.undo()
    monkeypatch.setattr("livedream.controls.live_state.tour_presets", lambda: PRESETS)
    for cut in (1, 25, 40):
        first = make_controller()
        found = film(first, 0, cut)
        state = {name: array.copy() for name, array in first.state().items()}
        second = make_controller()
        second.restore(state)
        found += film(second, cut, cut + 20)
        assert all(np.array_equal(a, b) for a, b in zip(whole, found, strict=False)), cut


def test_no_frame_is_black_or_frozen_and_no_change_is_a_jump() -> None:
    controller = make_controller()
    looks, dreamt = [], []
    for frame in frames():
        dreamt.append(controller(frame).pixels)
        looks.append((controller.preset, controller.in_force.model, controller.in_force.layers))
    controller.close()
    names = {name: (name, preset.model, preset.layers) for name, preset in PRESETS.items()}
    assert looks[:20] == [("live", "squeezenet", "fire5")] * 20
    assert sorted({looks[index] for index in (20, 40, 60)}) == sorted(names.values())
    for begin in (20, 40, 60):
        assert len(set(looks[begin : begin + 10])) == 1
    moved = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(dreamt)]
    source = [np.abs(a.pixels.astype(int) - b.pixels).mean() for a, b in pairwise(frames())]
    assert all(not np.array_equal(a, b) for a, b in pairwise(dreamt))
    assert max(np.array(moved) / source) < 2  # a cut to nothing would move by all that was dreamt
    for frame, pixels in zip(frames(), dreamt, strict=True):
        assert abs(float(pixels.mean()) - float(frame.pixels.mean())) < 6
    depth = [np.abs(pixels.astype(int) - frame.pixels).mean() for frame, pixels in zip(frames(), dreamt, strict=True)]
    assert min(depth[20:]) > 0.5 * depth[19]  # what was dreamt travels on


def test_what_was_set_by_hand_and_what_belongs_to_the_run_stays() -> None:
    given = {"strength": 0.5}
    dreamer = Dreamer(BEGIN.replace(**given))
    controller = LiveController(dreamer, "live", given, live=False, tour=SECONDS)
    wanted = [
        preset.replace(working_height=64, precision="float32", seed=3, strength=0.5) for preset in PRESETS.values()
    ]
    for index in (39, 59, 79):
        controller(next(frames(index, index + 1)))
        assert controller.in_force in wanted
        wanted.remove(controller.in_force)
    controller.close()


def test_live_the_old_look_goes_on_until_the_new_one_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    controller = make_controller(live=True)
    make = controller._dreamer.ascent_for

    def ascent_for(settings: DreamSettings) -> Ascent:
        assert held.wait(20)
        return make(settings)

    monkeypatch.setattr(controller._dreamer, "ascent_for", ascent_for)
    dreamt = [controller(frame).pixels for frame in frames(0, 30)]
    assert controller.in_force.layers == "fire5"
    assert controller.preset in PRESETS
    assert all(not np.array_equal(a, b) for a, b in pairwise(dreamt))
    held.set()
    wait([controller._swap._made])
    controller(next(frames(30, 31)))
    assert controller.in_force.layers == PRESETS[controller.preset].layers
    controller.close()


def test_a_key_turns_it_on_and_off_and_it_counts_from_there() -> None:
    controller = make_controller(live=False, tour=None)
    controller(next(frames(33, 34)))
    controller.toggle_tour()
    assert controller.touring
    assert controller.messages.texts == ["tour: 20 s per preset"]
    controller(next(frames(232, 233)))
    assert controller.preset == "live"
    controller(next(frames(233, 234)))  # 20 seconds later
    preset = controller.preset
    assert preset in PRESETS
    controller.toggle_tour()
    assert controller.messages.texts == ["tour off"]
    controller(next(frames(500, 501)))
    assert controller.preset == preset
    controller.close()


def test_a_preset_that_cannot_be_prepared(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A film stops, for it would not be what was asked for; live the dream goes on, and the next preset comes."""
    broken = {"wrong": DreamSettings(layers="fire77"), "wrong too": DreamSettings(layers="fire78")}
    monkeypatch.setattr("livedream.controls.live_state.tour_presets", lambda: broken)
    with pytest.raises(ArgumentError, match="unknown layer: fire7"):
        film(make_controller())
    controller = make_controller(live=True)
    for frame in frames(0, 70):
        controller(frame)
        if frame.index > 15:  # from then on something is prepared
            wait([controller._swap._made])
    assert controller.in_force.layers == "fire5"
    assert controller.touring
    assert "preset wrong is left out: unknown layer: fire77" in caplog.text
    assert "preset wrong too is left out: unknown layer: fire78" in caplog.text
    controller.close()
