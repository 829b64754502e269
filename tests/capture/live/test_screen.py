"""The screen, on a display of our own."""

import subprocess
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.live import live_source
from livedream.capture.live.screen import ScreenSource
from livedream.errors import ArgumentError, SourceError
from tests.capture.watching import Watching, until
from tests.films import UPRIGHT, corners, quarters

SIZE = (1280, 800)
"""Of the display in tests/conftest.py."""


@pytest.fixture
def painted(xvfb: str, tmp_path: Path) -> None:
    """Four coloured quarters on the whole screen, painted by ImageMagick."""
    Image.fromarray(quarters(SIZE)).save(tmp_path / "quarters.png")
    subprocess.run(["display", "-window", "root", str(tmp_path / "quarters.png")], check=False)  # says 1 all the same


@pytest.mark.needs_display
def test_shows_what_is_on_the_screen(painted: None) -> None:
    with ScreenSource("screen", rate=20) as source:
        assert (source.name, source.size, source.rate, source.live) == ("screen", SIZE, 20, True)
        frames = [frame for _, frame in zip(range(8), source, strict=False)]
    assert all(corners(frame.pixels) == UPRIGHT for frame in frames)
    assert frames[-1].pixels.flags.c_contiguous
    assert frames[-1].time - frames[0].time > Fraction(6, 20) - Fraction(1, 100)  # not faster than was asked


@pytest.mark.needs_display
def test_shows_a_part_of_it(painted: None) -> None:
    with ScreenSource("screen:64x48+608+376") as source:  # around the middle
        frame = next(iter(source))
    assert frame.size == (64, 48)
    assert np.array_equal(frame.pixels, quarters((64, 48)))


@pytest.mark.needs_display
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("screen:2", "there is no screen:2"),
        ("screen:0", "there is no screen:0"),
        ("screen:64x48+1230+0", "screen:64x48+1230+0 is not a part of the desktop"),
        ("screen:8x8+0+0", "is not a part of the desktop"),
    ],
)
def test_what_is_not_there(spec: str, message: str, xvfb: str) -> None:
    with pytest.raises(SourceError, match=message.replace("+", r"\+")) as caught:
        ScreenSource(spec)
    if message.startswith("there is no"):
        assert caught.value.hint == "choose one of these: screen:1 (1280x800 at 0,0)"
    else:
        assert caught.value.hint


@pytest.mark.parametrize("spec", ["screen:", "screen:x", "screen:64x48", "screen:-1"])
def test_nonsense(spec: str) -> None:
    with pytest.raises(ArgumentError, match="invalid screen"):
        ScreenSource(spec)


def test_without_a_display_the_screen_is_refused() -> None:
    with pytest.raises(SourceError, match="no access to a screen"):
        ScreenSource("screen")


@pytest.mark.needs_display
def test_a_session_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The X server goes away under it: that is said, and closing works."""
    monkeypatch.setattr(live_source, "CONNECTING_SECONDS", 1.0)
    server = subprocess.Popen(["Xvfb", ":471", "-screen", "0", "320x240x24", "-nolisten", "tcp"])
    monkeypatch.setenv("DISPLAY", ":471")
    try:
        until(lambda: Path("/tmp/.X11-unix/X471").exists())
        with ScreenSource("screen") as source, Watching(source) as watching:
            until(lambda: watching.count > 3)
            server.terminate()
            server.wait(10)
            until(lambda: source.notice and "lost, reconnecting" in source.notice)
            assert watching.error is None
    finally:
        server.terminate()
        server.wait(10)
    assert not any(thread.name == "livedream-reader" for thread in threading.enumerate())
