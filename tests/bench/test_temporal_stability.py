import itertools
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from livedream.bench.temporal_stability import SETTLED, Drift, drift, flicker


@pytest.fixture(scope="module")
def video() -> list[np.ndarray]:
    """A blurred image that moves two pixels to the right per frame."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)
    wide = cv2.GaussianBlur(noise, (0, 0), 4)
    wide = cv2.normalize(wide, None, 40, 215, cv2.NORM_MINMAX)
    return [np.roll(wide, 2 * number, axis=1) for number in range(6)]


def test_a_dream_that_moves_with_the_video_does_not_flicker(video) -> None:
    inverted = [255 - frame for frame in video]
    found = flicker(inverted, video)
    assert found.dream / found.source == pytest.approx(1, abs=0.05)


def test_a_dream_that_jumps_flickers_by_as_much(video) -> None:
    jumping = [frame + np.uint8(20 * (number % 2)) for number, frame in enumerate(video)]
    found = flicker(jumping, video)
    assert found.dream == pytest.approx(20, abs=3)
    assert found.source < 5


def grey(level: int) -> np.ndarray:
    return np.full((16, 16, 3), level, np.uint8)


def still(*levels: int) -> Iterator[np.ndarray]:
    """Yield a dream of grey(100) that settles at 150 and then takes `levels`."""
    yield from [grey(150)] * (SETTLED + 1)
    yield from map(grey, levels)


def drift_of(dreams: Iterator[np.ndarray], frames: int) -> Drift:
    return drift(lambda _: next(dreams), [grey(100)] * frames)


def test_drift_is_the_farthest_from_the_settled_dream() -> None:
    """It is not the last frame: a dream that returns has drifted too."""
    found = drift_of(still(152, 130, 160, 151), SETTLED + 5)
    assert found.luminance_grown == pytest.approx(50)
    assert found.luminance == pytest.approx(-20)
    assert found.clipped == found.clipped_grown == 0
    assert found.rss_growth is None


@pytest.mark.parametrize("clipped", [(255, 80, 80), (90, 0, 90)], ids=["high", "low"])
def test_a_pixel_is_clipped_when_one_channel_is(clipped) -> None:
    half = grey(150)
    half[:8] = clipped
    dreams = iter([grey(150)] * (SETTLED + 1) + [half] + [grey(150)])
    assert drift_of(dreams, SETTLED + 3).clipped == pytest.approx(0.5)


def test_what_clips_in_the_source_or_from_the_beginning_is_no_drift() -> None:
    white = grey(100)
    white[:8] = 255
    found = drift(lambda source: source, [white] * (SETTLED + 3))
    assert (found.clipped_grown, found.clipped) == (0, 0)
    found = drift(lambda _: white, [grey(100)] * (SETTLED + 3))
    assert (found.clipped_grown, found.clipped) == (0.5, 0)


def test_a_dream_that_swims_flickers_over_a_still_scene() -> None:
    turns = itertools.cycle((7, 0))

    def swims(source: np.ndarray) -> np.ndarray:
        return source + np.array(next(turns), np.uint8)

    found = drift(swims, [grey(100)] * (SETTLED + 30))
    assert (found.flicker, found.flicker_source) == (7, 0)


def test_memory_counts_from_frame_500(monkeypatch) -> None:
    dreamt = []

    def dream(source: np.ndarray) -> np.ndarray:
        dreamt.append(source)
        return source

    # One MB more at each frame: 1000 at frame 500, the 501st.
    monkeypatch.setattr("livedream.bench.temporal_stability.resident_mb", lambda: 499 + len(dreamt))
    assert drift(dream, [grey(100)] * 601).rss_growth == pytest.approx(0.1)


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="201 frames, got 201"):
        drift(lambda pixels: pixels, [grey(100)] * (SETTLED + 1))


def test_where_the_flow_explains_nothing_there_is_no_flicker() -> None:
    cuts = [grey(0), grey(255), grey(0)]
    assert flicker(cuts, cuts) is None
