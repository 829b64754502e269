"""A film at its own pace, in virtual seconds."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from livedream.frame import Frame
from livedream.pipeline import Playback, run
from tests.pipeline.parts import Frames, Kept, Window, make_frame, same
from tests.pipeline.test_virtual_time import Taking
from tests.pipeline.virtual import VirtualTime, virtual_time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    return virtual_time(monkeypatch)


class Film(Frames):
    """Frames at `times`, the last of them shown for `duration`. Each takes `seconds` to be read."""

    def __init__(self, times: list[Fraction], duration: Fraction | None = None) -> None:
        super().__init__(len(times))
        self.times, self.duration = times, duration

    def __iter__(self) -> Iterator[Frame]:
        for frame, time in zip(super().__iter__(), self.times, strict=True):
            last = frame.index + 1 == self.count
            yield replace(frame, time=time, duration=self.duration if last else None)


def steady(count: int, rate: int = 30) -> list[Fraction]:
    return [Fraction(number, rate) for number in range(count)]


class Screen(Kept):
    """Notes when each frame is shown, and when the run has no more for it."""

    def __init__(self, time: VirtualTime, name: str = "screen", *, live: bool = True) -> None:
        super().__init__(name, live=live, before=lambda frame: self.came.append(time.now))
        self.time = time
        self.came: list[float] = []
        self.over = 0.0

    def end(self) -> None:
        super().end()
        self.over = self.time.now

    @property
    def since_the_first(self) -> list[float]:
        return [moment - self.came[0] for moment in self.came]


def play(time, film, playback=None, **steps):
    """Play `film`; each of the dreamer's steps takes so many seconds."""
    screen = Screen(time)
    dreamer = Taking(time, **({"look": 0.002, "dream": 0.01, "compose": 0.002} | steps))
    report = run(film, dreamer, [screen], playback=playback or Playback())
    return screen, report


def test_six_seconds_of_film_take_six_seconds(time) -> None:
    screen, report = play(time, Film(steady(180)))
    assert screen.indices == list(range(180))
    assert screen.since_the_first == pytest.approx([number / 30 for number in range(180)], abs=1e-6)
    assert screen.over - screen.came[0] == pytest.approx(6.0, abs=1e-6)
    assert report.notices == ()


def test_each_frame_has_its_own_time_and_the_last_its_own_duration(time) -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(3), Fraction(31, 10)]
    screen, _ = play(time, Film(times, duration=Fraction(2)))
    assert screen.since_the_first == pytest.approx([0, 0.1, 3, 3.1], abs=1e-6)
    assert screen.over - screen.came[0] == pytest.approx(5.1, abs=1e-6)


def test_at_another_speed(time) -> None:
    screen, _ = play(time, Film(steady(31)), Playback(Fraction(1, 2)))
    assert screen.since_the_first[-1] == pytest.approx(2.0, abs=1e-6)
    with pytest.raises(ValueError, match="above 0"):
        Playback(Fraction(0))


def test_a_slow_dream_plays_slower_shows_every_frame_and_is_told_once(time, caplog) -> None:
    """A frame takes 1/18 s: 18 of 30 frames per second."""
    screen, report = play(time, Film(steady(180)), dream=1 / 18)
    assert screen.indices == list(range(180))
    assert screen.since_the_first[-1] == pytest.approx(179 / 18, rel=0.02)
    text = "the dream makes 18 of 30 frames per second: playing slower"
    assert [record.getMessage() for record in caplog.records] == [text]
    assert report.notices == report.slow == (text,)


def test_one_stall_is_caught_up_with_gently_and_is_no_slow_dream(time, caplog) -> None:
    film = Film(steady(240))
    film.before = lambda index: time.sleep(0.8) if index == 120 else None
    screen, _ = play(time, film)
    gaps = [after - before for before, after in itertools.pairwise(screen.came)]
    assert 0.3 < max(gaps) < 0.5  # the rest was not seen: frames had been read and dreamt ahead
    assert min(gaps) == pytest.approx(1 / 30 / 1.25, abs=1e-6)
    assert screen.since_the_first[-1] == pytest.approx(239 / 30, abs=1e-6)
    assert caplog.records == []


def test_a_film_that_stalls_again_and_again_plays_slower_and_that_is_told(time, caplog) -> None:
    """Each second of the film is followed by a stall of two; most frames are in time."""
    film = Film(steady(180))
    film.before = lambda index: time.sleep(2.0) if index % 30 == 29 else None
    screen, _ = play(time, film)
    assert screen.since_the_first[-1] > 12
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().endswith("of 30 frames per second: playing slower")


def test_after_a_long_stall_the_film_goes_on_at_its_normal_pace(time) -> None:
    film = Film(steady(90))
    film.before = lambda index: time.sleep(5.0) if index == 30 else None
    screen, _ = play(time, film)
    gaps = [late - early for early, late in itertools.pairwise(screen.came[40:])]
    assert gaps == pytest.approx([1 / 30] * 49, abs=1e-6)
    assert screen.since_the_first[-1] > 89 / 30 + 4


def test_frames_with_long_times_are_not_dreamt_long_before(time) -> None:
    """A key pressed while a slide stands must show in the next one."""
    analyzed: dict[int, float] = {}
    dreamer = Taking(time, 0.002, 0.01, 0.002)
    analyze = dreamer.analyze
    dreamer.analyze = lambda frame: (analyzed.setdefault(frame.index, time.now), analyze(frame))[1]  # type: ignore[method-assign]
    screen = Screen(time)
    run(Film([Fraction(5 * number) for number in range(6)]), dreamer, [screen], playback=Playback())
    assert screen.since_the_first == pytest.approx([0, 5, 10, 15, 20, 25], abs=1e-6)
    for index in range(1, 6):
        assert 0.2 < screen.came[index] - analyzed[index] < 0.3


def test_a_pause_holds_the_film_and_it_goes_on_from_there(time) -> None:
    playback = Playback()
    screen = Screen(time)

    def watch(frame: Frame) -> None:
        screen.came.append(time.now)
        if frame.index == 10:
            playback.toggle_pause()
            threading.Thread(target=resume, name="livedream-resume").start()

    def resume() -> None:
        time.sleep(100.0)
        assert playback.paused
        assert playback.position == pytest.approx(10 / 30, abs=1e-6)
        playback.toggle_pause()

    screen.before = watch
    run(Film(steady(60)), Taking(time, 0.002, 0.01, 0.002), [screen], playback=playback)
    assert screen.indices == list(range(60))
    assert screen.came[11] - screen.came[10] == pytest.approx(100 + 1 / 30, abs=1e-6)
    assert screen.since_the_first[-1] == pytest.approx(100 + 59 / 30, abs=1e-6)


def test_closing_the_window_ends_an_endless_film_at_once() -> None:
    """In real time: the next frame would come in an hour."""
    film, window = Film([Fraction(3600 * number) for number in range(10)]), Window(1)
    beside = Kept("null")
    report = run(film, lambda frame: frame, [window, beside], playback=Playback())
    assert window.indices == [0]
    assert report.seconds < 60


def test_a_film_that_is_kept_is_finished_although_the_window_is_closed(time) -> None:
    film, window, kept = Film(steady(20)), Window(3), Screen(time, "kept", live=False)
    window.on_main_thread = False  # virtual time counts the threads of a run alone
    run(film, Taking(time, 0.002, 0.01, 0.002), [window, kept], playback=Playback(only_played=False))
    assert kept.indices == list(range(20))
    assert kept.since_the_first[-1] == pytest.approx(19 / 30, abs=1e-6)


def test_a_film_that_is_kept_goes_on_from_a_pause_when_the_window_is_closed() -> None:
    playback, window, kept = Playback(only_played=False), Window(), Kept("kept")

    def pause(frame: Frame) -> None:
        if frame.index == 3:
            playback.toggle_pause()
            window.frames_until_closed = len(window.frames) + 1  # a busy machine may have dropped some

    window.before = pause
    run(Film([Fraction(number, 1000) for number in range(20)]), same, [window, kept], playback=playback)
    assert kept.indices == list(range(20))


def test_a_failure_of_the_source_ends_the_waiting() -> None:
    def fail(index: int) -> None:
        if index == 3:
            raise OSError("the disk is gone")

    film = Film([Fraction(number, 1000) for number in range(4)])
    film.before = fail
    with pytest.raises(OSError, match="the disk is gone"):
        run(film, lambda frame: frame, [Kept()], playback=Playback())


def test_a_live_source_is_not_played() -> None:
    with pytest.raises(ValueError, match="playback is for videos"):
        run(Frames(3, live=True), lambda frame: frame, [Kept()], playback=Playback())


def test_the_position_is_that_of_the_frame_that_is_shown() -> None:
    now = 100.0
    playback = Playback(Fraction(2), clock=lambda: now)
    assert playback.position is None
    playback.begin(make_frame(0))
    now = 100.01
    assert playback.position == pytest.approx(0.02)
    now = 130.0  # the next frame does not come
    assert playback.position == pytest.approx(0.04)


def test_the_time_that_a_window_takes_to_open_is_not_the_films(time) -> None:
    screen = Screen(time)

    def open_slowly(frame: Frame) -> None:
        if frame.index == 0:
            time.sleep(0.4)
        screen.came.append(time.now)

    screen.before = open_slowly
    run(Film(steady(60)), Taking(time, 0.002, 0.01, 0.002), [screen], playback=Playback())
    assert screen.since_the_first == pytest.approx([number / 30 for number in range(60)], abs=0.002)
