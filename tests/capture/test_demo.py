"""The demo as a camera, by a clock that stands still unless the test moves it."""

import itertools
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from livedream.capture.demo import DemoSource, demo_clip
from livedream.capture.open import open_source
from tests.films import write_film


class Timestamps:
    """Time that passes by waiting, and by `late`."""

    def __init__(self) -> None:
        self.now = Fraction(1000)
        self.waits: list[Fraction] = []

    def __call__(self) -> Fraction:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(Fraction(seconds).limit_denominator(10**6))
        self.now += self.waits[-1]
        return False


@pytest.fixture
def clock() -> Timestamps:
    return Timestamps()


@pytest.fixture
def demo(clock: Timestamps, tmp_path: Path) -> Iterator[DemoSource]:
    """Ten frames, 40 ms each."""
    film = write_film(tmp_path / "film.mp4", list(range(0, 400, 40)))
    with DemoSource(film, clock=clock, wait=clock.wait) as source:  # type: ignore[arg-type]
        yield source


def test_plays_at_the_speed_of_the_film(demo: DemoSource, clock: Timestamps) -> None:
    frames = [frame for _, frame in zip(range(5), demo, strict=False)]
    assert [frame.time for frame in frames] == [Fraction(40 * n, 1000) for n in range(5)]
    assert clock.waits == [Fraction(40, 1000)] * 4  # the first is there at once
    assert demo.rate == 25


def test_who_comes_late_gets_the_newest(demo: DemoSource, clock: Timestamps) -> None:
    frames = iter(demo)
    assert next(frames).index == 0
    clock.now += Fraction(130, 1000)  # the frames of 40 and 80 ms are over, that of 120 is what a camera would see
    frame = next(frames)
    assert (frame.index, frame.time) == (3, Fraction(120, 1000))
    frame = next(frames)
    assert (frame.index, frame.time) == (4, Fraction(160, 1000))
    assert clock.waits == [Fraction(30, 1000)]


def test_time_goes_on_from_round_to_round(demo: DemoSource, clock: Timestamps) -> None:
    frames = [frame for _, frame in zip(range(25), demo, strict=False)]
    assert [frame.time for frame in frames] == [Fraction(40 * n, 1000) for n in range(25)]
    assert [frame.index for frame in frames] == list(range(25))
    assert frames[0].pixels.shape == frames[24].pixels.shape


def test_late_by_several_rounds(demo: DemoSource, clock: Timestamps) -> None:
    frames = iter(demo)
    next(frames)
    clock.now += Fraction(2020, 1000)
    frame = next(frames)
    assert (frame.index, frame.time) == (50, Fraction(2000, 1000))


def test_machine_slower_than_the_film_still_gets_frames(tmp_path: Path) -> None:
    """Each look at the clock takes 100 ms, each frame but 40: nobody could ever catch up."""
    film = write_film(tmp_path / "film.mp4", list(range(0, 400, 40)))
    looks = iter(range(10**6))
    with DemoSource(film, clock=lambda: next(looks) / 10, wait=lambda _: False) as source:
        frames = [frame for _, frame in zip(range(3), source, strict=False)]
    assert all(a.time < b.time for a, b in itertools.pairwise(frames))
    assert frames[2].index < 60


def test_closing_ends_the_wait_at_once(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 60_000, 120_000], rate=Fraction(1, 60))
    source = DemoSource(film)
    first = threading.Event()
    seen: list[int] = []

    def read() -> None:
        for frame in source:
            seen.append(frame.index)
            first.set()

    reader = threading.Thread(target=read, name="livedream-test")
    reader.start()
    assert first.wait(10)
    began = time.monotonic()
    source.close()  # the second frame is a minute away
    reader.join(10)
    assert not reader.is_alive()
    assert time.monotonic() - began < 5
    assert seen == [0]


def test_the_real_one() -> None:
    with open_source("demo") as source:
        assert (source.size, source.rate, source.live, source.length) == ((1280, 720), 25, True, None)
        assert source.path is None
        assert next(iter(source)).size == (1280, 720)
    assert demo_clip.is_file()
