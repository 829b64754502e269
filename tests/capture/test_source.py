"""The contract of every source that `open_source` can open."""

import contextlib
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.animation import AnimationSource
from livedream.capture.demo import DemoSource
from livedream.capture.image_sequence import ImageSequenceSource
from livedream.capture.images import ImagesSource
from livedream.capture.live.camera import CameraSource
from livedream.capture.live.network_stream import NetworkSource
from livedream.capture.live.screen import ScreenSource
from livedream.capture.open import OPENERS, open_source
from livedream.capture.source import Source
from livedream.capture.stdin import StdinSource
from livedream.capture.video import VideoSource
from livedream.frame import Frame
from tests.capture.cameras import fake_camera, network_camera
from tests.conftest import x_server
from tests.films import UPRIGHT, corners, quarters, write_film

SIZE = (64, 48)
Open = Callable[[], Source]


@contextlib.contextmanager
def _a_network_camera(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    with network_camera(folder) as address:
        yield lambda: open_source(address)


@contextlib.contextmanager
def _a_local_camera(_: Path, patch: pytest.MonkeyPatch) -> Iterator[Open]:
    fake_camera(patch, [np.ascontiguousarray(quarters(SIZE)[:, :, ::-1])])
    yield lambda: open_source("0")


@contextlib.contextmanager
def _a_film(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    film = write_film(folder / "film.mp4", list(range(0, 800, 40)))
    yield lambda: open_source(film)


@contextlib.contextmanager
def _pictures(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    for number in range(20):
        Image.fromarray(quarters(SIZE)).save(folder / f"{number}.png")
    yield lambda: open_source(folder)


@contextlib.contextmanager
def _an_image_sequence(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    for number in range(20):
        Image.fromarray(quarters(SIZE)).save(folder / f"{number:04d}.png")
    yield lambda: open_source(f"{folder}/%04d.png")


@contextlib.contextmanager
def _an_animation(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    # A corner pixel changes, or Pillow would join the frames to one.
    frames = [quarters(SIZE) for _ in range(20)]
    for number, pixels in enumerate(frames):
        pixels[0, 0] = number
    first, *others = map(Image.fromarray, frames)
    first.save(folder / "animation.png", save_all=True, append_images=others, duration=40)
    yield lambda: open_source(folder / "animation.png")


@contextlib.contextmanager
def _a_pipe(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    """A FIFO into which a thread writes raw RGB."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), fifo.open("wb") as pipe:
            for _ in range(20):
                pipe.write(quarters(SIZE).tobytes())

    writer = threading.Thread(target=write, name="livedream-test-writer")
    writer.start()
    yield lambda: open_source(fifo, size=SIZE, rate=25)
    writer.join(10)


@contextlib.contextmanager
def _the_screen(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Open]:
    """The middle of a display on which ImageMagick has painted four coloured quarters."""
    Image.fromarray(quarters((640, 480))).save(folder / "quarters.png")
    with x_server("640x480") as display:
        patch.setenv("DISPLAY", display)
        subprocess.run(["display", "-window", "root", str(folder / "quarters.png")], check=False)  # always exits with 1
        yield lambda: open_source("screen:64x48+288+216")


@contextlib.contextmanager
def _the_demo(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    film = write_film(folder / "film.mp4", list(range(0, 800, 40)))
    now = [Fraction(0)]

    def wait(seconds: float) -> bool:
        now[0] += Fraction(seconds).limit_denominator(1000)
        return False

    yield lambda: DemoSource(film, clock=lambda: now[0], wait=wait)  # type: ignore[arg-type, return-value]


EVERY = {
    "animation": (_an_animation, AnimationSource, False),
    "camera": (_a_local_camera, CameraSource, True),
    "demo": (_the_demo, DemoSource, True),
    "image": (_pictures, ImagesSource, False),
    "image sequence": (_an_image_sequence, ImageSequenceSource, False),
    "network": (_a_network_camera, NetworkSource, True),
    "screen": (_the_screen, ScreenSource, True),
    "stdin": (_a_pipe, StdinSource, False),
    "video": (_a_film, VideoSource, False),
}
"""For each kind of source: how it is set up, its class, and whether it is live."""
MARKS = {
    "screen": pytest.mark.needs_display,
    "stdin": pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes"),
}


@pytest.fixture(params=[pytest.param(kind, marks=MARKS.get(kind, ())) for kind in sorted(OPENERS)])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    make, kind, live = EVERY[request.param]
    with make(tmp_path, monkeypatch) as open_it, open_it() as source:
        assert type(source) is kind
        assert source.live is live
        yield source


def take(source: Source, count: int) -> list[Frame]:
    return [frame for _, frame in zip(range(count), source, strict=False)]


def test_keeps_what_a_source_promises(opened: Source) -> None:
    assert opened.size == SIZE
    assert opened.rate is None or isinstance(opened.rate, Fraction)
    assert opened.name
    frames = take(opened, 5)
    assert [frame.size for frame in frames] == [SIZE] * 5
    assert all(corners(frame.pixels) == UPRIGHT for frame in frames)  # RGB and not BGR, upright and not mirrored
    assert all(before.time < after.time for before, after in itertools.pairwise(frames))
    assert all(before.index < after.index for before, after in itertools.pairwise(frames))
    assert frames[0].index == 0
    assert all((frame.time / opened.time_base).denominator == 1 for frame in frames)
    assert len({frame.pixels.ctypes.data for frame in frames}) == 5  # whoever has a frame may keep it


def test_second_iteration_goes_on_where_the_first_stopped(opened: Source) -> None:
    before = next(iter(opened))
    after = next(iter(opened))
    assert after.time > before.time
    assert after.index > before.index


def test_closes_twice_and_then_ends(opened: Source) -> None:
    frames = iter(opened)
    next(frames)
    opened.close()
    opened.close()
    assert list(frames) == []
    assert list(opened) == []


def test_ends_when_another_thread_closes_it(opened: Source) -> None:
    begun = threading.Event()

    def read() -> None:
        for _ in opened:
            begun.set()

    reader = threading.Thread(target=read, name="livedream-test")
    reader.start()
    assert begun.wait(10)
    opened.close()
    reader.join(10)
    assert not reader.is_alive()
