import time
from collections.abc import Sequence

import numpy as np
import pytest

from livedream.sink.window.text_overlay import DARKEN, SMALLEST_LINE, TextOverlay

GREY = 100
TEXT = [("fps", "captured 25.0", "dreamt 24.9", "shown 24.9", "dropped 0.0"), ("age ms", "p50 41", "p95 56")] + [
    ("steps 1, step size 1.5, working height 256, keep 0.98, strength 1, natural color 0.35",)
] * 8


def drawn(rows: Sequence[Sequence[str]], size: tuple[int, int] = (640, 360), centred: bool = False) -> np.ndarray:
    panel = TextOverlay(centred=centred)
    panel.rows = rows
    picture = np.full((size[1], size[0], 3), GREY, np.uint8)
    panel.draw(picture)
    return picture


def box(picture: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what has changed, ends excluded."""
    ys, xs = np.nonzero((picture != GREY).any(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_text_is_white_on_a_darkened_background_and_the_rest_is_unchanged() -> None:
    picture = drawn([("numbers",)])
    left, top, right, bottom = box(picture)
    assert (left, top) == (0, 0)
    assert (picture[top:bottom, left:right] == round(GREY * DARKEN)).all(axis=2).mean() > 0.5
    assert picture.max() > 250
    assert right < 320 and bottom < 180


def test_control_characters_and_secrets_are_not_drawn() -> None:
    for row, same in (("gpj.\u202efdp", r"gpj.\u202efdp"), ("a\nb", r"a\nb"), ("rtsp://u:pw@cam/1", "rtsp://cam/1")):
        assert np.array_equal(drawn([(row,)]), drawn([(same,)]))


def test_centred() -> None:
    left, top, right, bottom = box(drawn([("numbers",)], centred=True))
    assert abs(left - (640 - right)) <= 1
    assert abs(top - (360 - bottom)) <= 1


def test_an_empty_overlay_is_invisible() -> None:
    assert (drawn([]) == GREY).all()


def test_columns_are_aligned() -> None:
    picture = drawn([("wwwwwwwwww", "I"), ("i", "I")])
    line = SMALLEST_LINE
    ends = [
        int(np.nonzero((rows > 180).any(axis=(0, 2)))[0][-1]) for rows in (picture[: line + 6], picture[line + 6 :])
    ]
    assert ends[0] == ends[1] > 80


@pytest.mark.parametrize("size", [(160, 90), (90, 160), (640, 360), (64, 48), (1, 1), (16, 400)])
@pytest.mark.parametrize("rows", [TEXT, [("a long line " * 30,)], [("line",)] * 60, [("",)], [()]])
def test_text_fits_every_image(size: tuple[int, int], rows: Sequence[Sequence[str]]) -> None:
    picture = drawn(rows, size)
    assert picture.shape == (size[1], size[0], 3)


def test_long_text_is_made_smaller_and_not_cut_off() -> None:
    picture = drawn([("x" * 200,)])
    _, _, right, _ = box(picture)
    assert 600 < right <= 640
    assert (picture[:, right - 3 :] < 200).all()  # the margin on the right


def test_text_can_change() -> None:
    panel = TextOverlay()
    pictures = []
    for text in ("a", "b", "b"):
        panel.rows = [(text,)]
        picture = np.zeros((360, 640, 3), np.uint8)
        panel.draw(picture)
        pictures.append(picture)
    assert not np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[1], pictures[2])


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_costs_less_than_a_millisecond_a_frame(size: tuple[int, int]) -> None:
    """At 25 frames and 4 new texts a second. The best of several seconds: others work on this machine too."""
    panel = TextOverlay()
    picture = np.full((size[1], size[0], 3), GREY, np.uint8)

    def second(number: int) -> float:
        began = time.perf_counter()
        for frame in range(25):
            if frame % 6 == 0:
                panel.rows = [*TEXT, (f"{number} {frame}",)]
            panel.draw(picture)
        return (time.perf_counter() - began) / 25

    assert min(second(number) for number in range(8)) < 0.001
