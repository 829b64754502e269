"""The fade from the source to the dream."""

from fractions import Fraction

import numpy as np
import pytest

from livedream.frame import Frame
from livedream.sink.window.fade import Fade


def frame(dreamt: int, source: int | None) -> Frame:
    pixels = np.full((4, 6, 3), dreamt, np.uint8)
    return Frame(pixels, Fraction(0), 0, source=None if source is None else np.full((4, 6, 3), source, np.uint8))


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def fade(clock: list[float]) -> Fade:
    return Fade(clock=lambda: clock[0])


def test_the_source_becomes_the_dream_within_a_second(fade: Fade, clock: list[float]) -> None:
    fade.begin()
    clock[0] = 107.0  # the first dreamt frame comes whenever it comes
    shown = []
    for moment in (107.0, 107.25, 107.5, 108.0, 107.5):
        clock[0] = moment
        shown.append(int(fade.apply(frame(200, 40)).pixels[0, 0, 0]))
    # By hand: 40 + 160 * (0, 1/4, 1/2); once it is over it does not come back.
    assert shown == [40, 80, 120, 200, 200]


def test_frames_are_unchanged_before_begin(fade: Fade) -> None:
    plain = frame(200, 40)
    assert fade.apply(plain) is plain


def test_a_frame_without_its_source_ends_the_fade(fade: Fade) -> None:
    fade.begin()
    plain = frame(200, None)
    assert fade.apply(plain) is plain
    assert fade.apply(frame(200, 40)).pixels[0, 0, 0] == 200


def test_the_source_stays_with_the_frame(fade: Fade) -> None:
    """The view that shows half of each needs it."""
    fade.begin()
    source = fade.apply(frame(200, 40)).source
    assert source is not None
    assert source[0, 0, 0] == 40
