"""How live sources are watched, with connections that do what a test wants to see."""

import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from livedream.capture.live import live_source
from livedream.capture.live.live_source import LiveSource, pause
from livedream.capture.live.reader import Connection
from livedream.errors import SourceError
from tests.capture.watching import Watching, until

PICTURE = np.zeros((48, 64, 3), np.uint8)


class Scripted(Connection):
    """Asks `script` for each of its pictures; notes when it is closed."""

    size = (64, 48)
    rate = Fraction(30)
    coding = "test"

    def __init__(self, script: Callable[[int], object]) -> None:
        self.script = script
        self.count = 0
        self.closed = threading.Event()

    def read(self) -> np.ndarray:
        self.script(self.count)
        self.count += 1
        return PICTURE

    def close(self) -> None:
        assert not self.closed.is_set()
        self.closed.set()


class Scripts(LiveSource):
    """A live source of one scripted connection after the other; the last one comes again and again."""

    def __init__(self, *scripts: Callable[[int], object], clock: Callable[[], int] | None = None) -> None:
        self.scripts = list(scripts)
        self.connections: list[Scripted] = []
        self.looks = 0
        """How often it was looked whether all is well."""
        super().__init__("scripted", **({"clock": clock} if clock else {}))

    def _watch(self) -> None:
        super()._watch()
        self.looks += 1

    def _connect(self) -> Connection:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.connections.append(Scripted(script))
        if script is refused:
            raise SourceError("refused")
        return self.connections[-1]


def steady(number: int) -> None:
    threading.Event().wait(0.002)


def refused(number: int) -> None:
    pass


def failing_after(count: int, error: Exception) -> Callable[[int], None]:
    def script(number: int) -> None:
        steady(number)
        if number == count:
            raise error

    return script


def test_times_are_exact_and_from_the_clock() -> None:
    """The reader looks at the clock when it begins and for each picture; here only when it is allowed to."""
    allowed = threading.Semaphore(0)
    moments = iter([0, 0, 33_333_333, 66_666_667, 66_666_667])

    def clock() -> int:
        if threading.current_thread().name != "livedream-reader":
            return 10**9
        assert allowed.acquire(timeout=5)
        return 10**9 + next(moments, 10**9)

    with Scripts(steady, clock=clock) as source:
        allowed.release()
        times = []
        for _ in range(4):
            allowed.release()
            times.append(next(iter(source)).time)
        allowed.release(1000)
    # 33.333333 ms are 2999.99997 ticks of 1/90000 s, 66.666667 ms are 6000.00003; the fourth must be later.
    assert times == [0, Fraction(2999, 90000), Fraction(6000, 90000), Fraction(6001, 90000)]


def test_who_takes_late_gets_the_newest_and_the_index_has_a_gap() -> None:
    with Scripts(steady) as source:
        first = next(iter(source))
        until(lambda: source.connections[0].count > 20)
        second = next(iter(source))
    assert first.index == 0
    assert second.index >= 19
    assert second.time > first.time


def test_no_image_comes_twice() -> None:
    """The connection waits after its fifth picture: so does whoever takes them."""
    more = threading.Event()
    with (
        Scripts(lambda number: steady(number) if number < 5 else more.wait(10)) as source,
        Watching(source) as watching,
    ):
        until(lambda: source.connections[0].count == 5 and watching.count)
        until(lambda: source.notice)  # 1.5 s in which nothing comes
        assert watching.count <= 5
        more.set()


def test_reconnects_until_it_succeeds() -> None:
    source = Scripts(failing_after(10, SourceError("unplugged")), refused, refused, refused, steady)
    with source, Watching(source) as watching:
        notices = []

        def back() -> bool:
            notices.append(source.notice)
            return len(source.connections) == 5 and source.notice is None

        seconds = until(back)
        count = watching.count
        until(lambda: watching.count > count + 5)
    assert 0.25 + 0.5 + 0.5 + 0.5 < seconds < 5
    shown = list(dict.fromkeys(filter(None, notices)))
    assert shown == [f"scripted lost, reconnecting (try {number})" for number in (1, 2, 3, 4)]
    assert source.connections[0].closed.is_set()
    assert source.connections[4].closed.is_set()


def test_the_pauses_grow_and_end() -> None:
    assert [pause(tries) for tries in (0, 1, 2, 119, 120, 10**6)] == [0.25, 0.5, 0.5, 0.5, 5, 5]


def test_index_and_time_go_on_over_a_loss() -> None:
    source = Scripts(failing_after(10, SourceError("unplugged")), failing_after(10, SourceError("unplugged")), steady)
    with source:
        frames = [frame for _, frame in zip(range(30), source, strict=False)]
    times, indices = [frame.time for frame in frames], [frame.index for frame in frames]
    assert times == sorted(set(times))
    assert indices == sorted(set(indices))
    assert indices[0] == 0
    assert indices[-1] >= 29


def test_a_driver_that_blocks_forever_costs_three_threads_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "BLOCKED_SECONDS", 0.1)
    monkeypatch.setattr(live_source, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(live_source, "pause", lambda tries: 0.0)
    free = threading.Event()
    source = Scripts(lambda number: free.wait(30))
    with source, Watching(source):
        until(lambda: len(source.connections) == 3)
        looked = until(lambda: source.notice == "scripted lost, reconnecting (try 3)")
        with pytest.raises(AssertionError, match="did not happen"):
            until(lambda: len(source.connections) > 3, seconds=1)
        free.set()
        until(lambda: source.notice is None)
    assert looked < 1
    for connection in source.connections:
        assert connection.closed.wait(5)


def test_time_in_which_this_process_stood_still_does_not_count_as_silence() -> None:
    """For 60 s nobody runs, neither the reader nor who watches it: as after SIGSTOP, or on a machine without a core."""
    stood_still = 0

    def clock() -> int:
        return time.monotonic_ns() + stood_still

    resumed = threading.Event()
    source = Scripts(lambda number: steady(number) if number != 5 else resumed.wait(10), clock=clock)
    with source, Watching(source) as watching:
        until(lambda: source.connections[0].count == 5)
        stood_still = 60 * 10**9
        notices = set()
        looks = source.looks
        until(lambda: notices.add(source.notice) or source.looks > looks + 3)
        resumed.set()
        count = watching.count
        until(lambda: watching.count > count + 5)
        assert notices == {None}
    assert len(source.connections) == 1


def test_an_error_of_livedream_itself_is_raised() -> None:
    with Scripts(failing_after(3, ZeroDivisionError())) as source, pytest.raises(ZeroDivisionError):
        list(source)


def test_closing_does_not_wait_for_a_blocked_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_source, "CLOSE_SECONDS", 0.2)
    free = threading.Event()
    source = Scripts(lambda number: free.wait(30))
    assert until(lambda: source.close() is None) < 1
    assert not source.connections[0].closed.is_set()
    free.set()
    assert source.connections[0].closed.wait(5)
    until(lambda: not any(thread.name == "livedream-reader" for thread in threading.enumerate()))


def test_another_shape_after_a_loss_is_letterboxed() -> None:
    """A phone that is held upright when it is back: 48 * 48 / 64 = 36 columns; with pixels of 4:3 48."""
    shapes = [((48, 64), Fraction(1)), ((64, 48), Fraction(1)), ((64, 48), Fraction(4, 3))]  # (height, width)

    class Turning(Scripts):
        def _connect(self) -> Connection:
            connection = super()._connect()
            (height, width), connection.pixel_aspect = shapes[min(len(self.connections), 3) - 1]
            connection.size = width, height
            connection.read = lambda: self._picture(connection, height, width)  # type: ignore[method-assign]
            return connection

        def _picture(self, connection: Connection, height: int, width: int) -> np.ndarray:
            assert isinstance(connection, Scripted)
            Scripted.read(connection)
            return np.full((height, width, 3), 200, np.uint8)

    lost = failing_after(5, SourceError("unplugged"))
    with Turning(lost, lost, steady) as source:
        boxes = []
        for frame in source:
            assert frame.size == (64, 48)
            columns = np.flatnonzero(frame.pixels.max(axis=(0, 2)))
            boxes.append((int(columns[0]), int(columns[-1]) + 1))
            if len(source.connections) == 3 and len(boxes) > 20:
                break
    assert list(dict.fromkeys(boxes)) == [(0, 64), (14, 50), (8, 56)]
