"""Settings that change while frames keep coming. Preparing a layer of the embedded network takes about 50 ms."""

import itertools
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch
from skimage import data

from livedream import Dreamer, DreamSettings, Frame
from livedream.dream.ascent import Ascent
from livedream.dream.live_swap import SettingsSwap
from livedream.errors import ArgumentError, WeightsError

QUICK = DreamSettings(working_height=64, layers="fire5", jitter=8)
LITE = QUICK.replace(model="efficientnet_lite0", layers="blocks.4")
SECONDS = 20
PHOTO = np.ascontiguousarray(data.chelsea()[:72, :96])


def frames() -> Iterator[Frame]:
    return (Frame(PHOTO, Fraction(n, 25), n) for n in itertools.count())


def dream_until(dreamer: Dreamer, switch: SettingsSwap, settings: DreamSettings) -> int:
    """Dream until `settings` are in effect; return the number of frames until then."""
    end = time.monotonic() + 4 * SECONDS  # the thread that prepares it gives way to all others of a busy machine
    for count, frame in enumerate(frames()):
        if switch.apply(settings):
            return count
        if time.monotonic() > end:
            break
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
    """Nothing is prepared before this event is set."""
    event = threading.Event()
    make = dreamer.ascent_for

    def ascent_for(settings: DreamSettings) -> Ascent:
        assert threading.current_thread().name == "livedream-switch"
        assert event.wait(SECONDS)
        return make(settings)

    monkeypatch.setattr(dreamer, "ascent_for", ascent_for)
    return event


def test_frames_keep_coming_while_a_layer_is_prepared(dreamer: Dreamer, held: threading.Event) -> None:
    switch = SettingsSwap(dreamer)
    wanted = QUICK.replace(layers="fire8", strength=0.5)
    for frame, _ in zip(frames(), range(10), strict=False):
        assert not switch.apply(wanted)
        dreamer(frame)
        assert "fire5" in dreamer.description
        assert dreamer.settings == QUICK.replace(strength=0.5)  # what needs no preparation holds at once
    held.set()
    dream_until(dreamer, switch, wanted)
    assert "fire8" in dreamer.description
    assert dreamer.settings == wanted


def test_a_network_runs_while_another_is_prepared(dreamer: Dreamer) -> None:
    switch = SettingsSwap(dreamer)
    came = [dream_until(dreamer, switch, QUICK.replace(layers=f"fire{4 + n % 4}")) for n in range(12)]
    assert sum(came) >= 12


def test_a_dream_is_the_same_to_the_bit_while_networks_are_loaded_and_traced(dreamer: Dreamer) -> None:
    """EfficientNet goes through nn.Module.__call__, which torch.fx patches for all threads: see models.graph.trace."""
    settings = LITE.replace(precision="float32")
    plain, other = Dreamer(settings), Dreamer(settings)
    assert other.engine.ascent
    other.engine._traced.clear()
    made = []

    def prepare() -> None:
        for layers in ("blocks.1", "blocks.2", "blocks.3"):
            made.append(other.ascent_for(settings.replace(layers=layers)))
            other.engine._traced.clear()

    thread = threading.Thread(target=prepare)
    meanwhile, count = [], 0
    for frame in frames():
        if count == 3:
            thread.start()
        meanwhile.append(other(frame).pixels)
        count += 1
        if count > 3 and not thread.is_alive():
            break
    thread.join()
    assert len(made) == 3
    alone = [plain(frame).pixels for frame, _ in zip(frames(), range(count), strict=False)]
    assert all(np.array_equal(a, b) for a, b in zip(alone, meanwhile, strict=True))


def test_another_network_comes_while_the_dream_goes_on(dreamer: Dreamer, held: threading.Event) -> None:
    switch = SettingsSwap(dreamer)
    for frame, _ in zip(frames(), range(5), strict=False):
        assert not switch.apply(LITE)
        dreamer(frame)
        assert "squeezenet" in dreamer.description
    held.set()
    dream_until(dreamer, switch, LITE)
    assert dreamer.settings == LITE
    dreamer(next(frames()))
    assert "efficientnet_lite0, blocks.4" in dreamer.description


def test_prepared_settings_are_applied_at_once(dreamer: Dreamer) -> None:
    switch = SettingsSwap(dreamer)
    switch.prepare(LITE)
    assert dreamer.settings == QUICK
    switch.close()
    assert not switch.apply(QUICK.replace(layers="fire8"))  # another request comes first
    switch.prepare(LITE)  # it waits for its turn
    dream_until(dreamer, switch, QUICK.replace(layers="fire8"))
    switch.prepare(LITE)
    while not switch._made.done():
        dreamer(next(frames()))
        assert switch.apply(QUICK.replace(layers="fire8"))
    assert switch.apply(LITE.replace(strength=0.5))
    assert dreamer.settings == LITE.replace(strength=0.5)


def test_apply_and_wait_waits_for_the_preparation(dreamer: Dreamer, held: threading.Event) -> None:
    held.set()
    SettingsSwap(dreamer).apply_and_wait(LITE)
    assert dreamer.settings == LITE
    assert dreamer.engine.is_ready


def test_the_share_of_the_cores_follows_the_settings(dreamer: Dreamer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedream.dream.engine._HEAVY", dict.fromkeys((torch.float32, torch.bfloat16), 1e9))
    ascent = dreamer.engine.ascent
    monkeypatch.setattr(dreamer, "ascent_for", lambda settings: ascent)  # nothing is calculated: four threads are slow
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        switch = SettingsSwap(dreamer)
        with switch.sharing_cores(live=True):
            for settings, threads in (
                (QUICK, 3),
                (QUICK.replace(steps=20), 4),
                (QUICK.replace(layers="fire4"), 3),
                (QUICK.replace(layers="fire6", steps=20), 4),
            ):
                switch.apply_and_wait(settings)
                assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_the_latest_request_wins(dreamer: Dreamer, held: threading.Event) -> None:
    switch = SettingsSwap(dreamer)
    assert not switch.apply(QUICK.replace(layers="fire8"))
    assert not switch.apply(QUICK.replace(layers="fire9"))
    held.set()
    dream_until(dreamer, switch, QUICK.replace(layers="fire9"))
    assert "fire9" in dreamer.description


def test_a_request_that_is_withdrawn_changes_nothing(dreamer: Dreamer, held: threading.Event) -> None:
    switch = SettingsSwap(dreamer)
    assert not switch.apply(QUICK.replace(layers="fire8"))
    assert switch.apply(QUICK)
    held.set()
    switch.close()
    assert switch.apply(QUICK)
    assert "fire5" in dreamer.description


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layers": "fire77"}, "unknown layer: fire77"),
        ({"model": "squeezenot", "layers": "auto"}, "unknown network: squeezenot"),
        ({"weights": "nowhere.safetensors"}, "nowhere.safetensors"),
    ],
)
def test_unknown_names_raise_and_the_dream_continues(dreamer: Dreamer, wrong: dict[str, object], message: str) -> None:
    switch = SettingsSwap(dreamer)
    with pytest.raises((ArgumentError, WeightsError), match=message):
        dream_until(dreamer, switch, QUICK.replace(**wrong))
    assert switch.apply(QUICK)
    dreamer(next(frames()))
    assert "fire5" in dreamer.description


@pytest.mark.parametrize(
    "change",
    [
        {"working_height": 48},
        {"octaves": 1},
        {"layers": "fire8"},
        {"pooling": "average"},
        {"model": "efficientnet_lite0", "layers": "blocks.4"},
    ],
)
def test_the_dream_continues_from_where_it_is(dreamer: Dreamer, change: dict[str, object]) -> None:
    """One frame after the change most of the dream is still there; a new one would begin from nothing."""
    quiet = QUICK.replace(step_size=0.01)
    for frame, _ in zip(frames(), range(20), strict=False):
        dreamer(frame)
    dreamer.settings = quiet
    before = dreamer(next(frames())).pixels.astype(int) - PHOTO
    SettingsSwap(dreamer).apply_and_wait(quiet.replace(**change))
    after = dreamer(next(frames())).pixels.astype(int) - PHOTO
    assert np.abs(before).mean() > 2
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
