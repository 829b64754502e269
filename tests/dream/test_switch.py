"""Settings that change while frames keep coming. A layer of the embedded network takes some 50 ms to make ready."""

import threading
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from skimage import data

from livedream import Dreamer, DreamSettings, Frame
from livedream.dream.ascent import Ascent
from livedream.dream.switch import Switch
from livedream.errors import ArgumentError

QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8)
SECONDS = 20
PHOTO = np.ascontiguousarray(data.chelsea()[:72, :96])


def frames() -> Iterator[Frame]:
    return (Frame(PHOTO, Fraction(n, 25), n) for n in range(10_000))


def dream_until(dreamer: Dreamer, switch: Switch, settings: DreamSettings) -> int:
    """Dream until `settings` hold; returns how many frames came meanwhile."""
    for count, frame in enumerate(frames()):
        if switch.to(settings):
            return count
        dreamer(frame)
    raise AssertionError("it never came")


@pytest.fixture
def dreamer() -> Dreamer:
    dreamer = Dreamer(QUICK)
    for frame, _ in zip(frames(), range(4), strict=False):
        dreamer(frame)
    return dreamer


@pytest.fixture
def held(dreamer: Dreamer, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nothing is made ready before this event is set."""
    event = threading.Event()
    make = dreamer.ascent_for

    def ascent_for(settings: DreamSettings) -> Ascent:
        assert threading.current_thread().name == "livedream-switch"
        assert event.wait(SECONDS)
        return make(settings)

    monkeypatch.setattr(dreamer, "ascent_for", ascent_for)
    return event


def test_28_frames_keep_coming_while_a_layer_is_made_ready(dreamer: Dreamer, held: threading.Event) -> None:
    switch = Switch(dreamer)
    wanted = QUICK.replace(layers="fire8", strength=0.5)
    for frame, _ in zip(frames(), range(10), strict=False):
        assert not switch.to(wanted)
        dreamer(frame)
        assert "fire5" in dreamer.description
        assert dreamer.settings == QUICK.replace(strength=0.5)  # what needs no preparation holds at once
    held.set()
    dream_until(dreamer, switch, wanted)
    assert "fire8" in dreamer.description
    assert dreamer.settings == wanted


def test_28_networks_run_while_another_is_made(dreamer: Dreamer) -> None:
    """torch.fx replaces Module.__call__ while it traces: with a trace in each switch this fails within some of them."""
    switch = Switch(dreamer)
    came = [dream_until(dreamer, switch, QUICK.replace(layers=f"fire{4 + n % 4}")) for n in range(12)]
    assert sum(came) >= 12


def test_28_the_newest_wish_is_the_one_that_comes(dreamer: Dreamer, held: threading.Event) -> None:
    switch = Switch(dreamer)
    assert not switch.to(QUICK.replace(layers="fire8"))
    assert not switch.to(QUICK.replace(layers="fire9"))
    held.set()
    dream_until(dreamer, switch, QUICK.replace(layers="fire9"))
    assert "fire9" in dreamer.description


def test_28_a_wish_that_is_taken_back_changes_nothing(dreamer: Dreamer, held: threading.Event) -> None:
    switch = Switch(dreamer)
    assert not switch.to(QUICK.replace(layers="fire8"))
    assert switch.to(QUICK)
    held.set()
    switch.close()
    assert switch.to(QUICK)
    assert "fire5" in dreamer.description


def test_7_unknown_layer_is_told_and_the_dream_goes_on(dreamer: Dreamer) -> None:
    switch = Switch(dreamer)
    with pytest.raises(ArgumentError, match="unknown layer: fire77"):
        dream_until(dreamer, switch, QUICK.replace(layers="fire77"))
    assert switch.to(QUICK)
    dreamer(next(frames()))
    assert "fire5" in dreamer.description


@pytest.mark.parametrize(
    "change", [{"working_height": 48}, {"octaves": 1}, {"layers": "fire8"}, {"pooling": "average"}]
)
def test_28_the_dream_goes_on_from_where_it_is(dreamer: Dreamer, change: dict[str, object]) -> None:
    """One frame after the change most of the dream is still there; a new one would begin from nothing."""
    quiet = QUICK.replace(step_size=0.01)
    for frame, _ in zip(frames(), range(20), strict=False):
        dreamer(frame)
    dreamer.settings = quiet
    before = dreamer(next(frames())).pixels.astype(int) - PHOTO
    dream_until(dreamer, Switch(dreamer), quiet.replace(**change))
    after = dreamer(next(frames())).pixels.astype(int) - PHOTO
    assert np.abs(before).mean() > 2
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
