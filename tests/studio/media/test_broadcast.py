"""The newest frame for watchers: newest wins, nothing grows."""

import asyncio
import threading
import time
from fractions import Fraction

import numpy as np

from livedream.capture.source import Source
from livedream.frame import Frame
from livedream.pipeline import run
from livedream.stream_info import StreamInfo
from livedream.studio.media.broadcast import REMEMBERED, Broadcast, CaptureTimes


def frame(index: int) -> Frame:
    return Frame(np.full((4, 6, 3), index % 256, np.uint8), Fraction(index, 25), index)


class Counting(Source):
    """A live source of `count` frames."""

    name, size, rate, live = "counting", (6, 4), Fraction(25), True

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))
        self.closed = False

    def __iter__(self):
        yield from map(frame, self._left)

    def close(self) -> None:
        self.closed = True


class Photographed(Counting):
    """A source that knows when its pictures were taken."""

    moment = 0.0

    def __iter__(self):
        for index in self._left:
            self.moment = 100.0 + index
            yield frame(index)


def test_a_watcher_gets_the_newest_frame_and_waits_for_the_next_one() -> None:
    broadcast = Broadcast()

    async def watch() -> list[int]:
        watcher = broadcast.watch(asyncio.get_running_loop())
        for index in range(3):
            broadcast.write(frame(index))
        first = await watcher.newer_than(0)
        later = threading.Timer(0.05, broadcast.write, [frame(7)])
        later.start()
        second = await asyncio.wait_for(watcher.newer_than(first.number), 5)
        later.join()
        watcher.close()
        return [first.frame.index, first.number, second.frame.index, second.number]

    assert asyncio.run(watch()) == [2, 3, 7, 4]
    assert broadcast.watched == 0


def test_a_loop_that_is_busy_collects_one_call_for_any_number_of_frames(monkeypatch) -> None:
    broadcast = Broadcast()

    async def watch() -> int:
        loop = asyncio.get_running_loop()
        watcher = broadcast.watch(loop)
        scheduled = []
        original = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *args: scheduled.append(original(*args)))
        writer = threading.Thread(target=lambda: [broadcast.write(frame(index)) for index in range(500)])
        writer.start()
        writer.join()  # blocks the loop meanwhile
        newest = await watcher.newer_than(0)
        await asyncio.sleep(0)
        broadcast.write(frame(500))
        assert (await asyncio.wait_for(watcher.newer_than(newest.number), 5)).frame.index == 500
        watcher.close()
        return len(scheduled)

    assert asyncio.run(watch()) == 2


def test_frames_of_a_fast_writer_all_wake_a_watcher_until_the_last_one() -> None:
    """No wake-up is lost, whatever the order of the two threads."""
    broadcast = Broadcast()

    async def watch() -> int:
        watcher = broadcast.watch(asyncio.get_running_loop())
        writer = threading.Thread(target=lambda: [broadcast.write(frame(index)) for index in range(5000)])
        writer.start()
        number = 0
        while number < 5000:
            number = (await asyncio.wait_for(watcher.newer_than(number), 5)).number
        writer.join()
        watcher.close()
        return number

    assert asyncio.run(watch()) == 5000


def test_a_loop_that_is_closed_loses_its_watchers() -> None:
    broadcast = Broadcast()
    loop = asyncio.new_event_loop()
    broadcast.watch(loop)
    loop.close()
    broadcast.write(frame(0))
    assert broadcast.watched == 0


def test_a_run_leaves_it_usable_for_the_next_one() -> None:
    broadcast = Broadcast()
    for _ in range(2):
        source = Counting(3)
        with CaptureTimes(source, broadcast) as timed:
            run(timed, lambda each: each, [broadcast])
        assert source.closed
        assert broadcast.newest.frame.index == 2
    assert broadcast.newest.number >= 2


def test_frames_have_the_time_of_their_capture() -> None:
    broadcast = Broadcast()
    with CaptureTimes(Photographed(5), broadcast) as timed:
        frames = list(timed)
        broadcast.write(frames[1])  # a dream takes time: frames 2 to 4 were captured meanwhile
    assert broadcast.newest.captured_at == 101.0
    assert timed.of(4) == 104.0
    assert timed.of(5) is None
    now_ms = (time.time() - time.monotonic() + 101.0) * 1000
    assert abs(broadcast.newest.captured_ms - now_ms) < 50


def test_the_time_of_another_source_is_when_its_frame_is_read() -> None:
    broadcast = Broadcast()
    timed = CaptureTimes(Counting(1), broadcast)
    before = time.monotonic()
    broadcast.write(next(iter(timed)))
    assert before <= broadcast.newest.captured_at <= time.monotonic()


def test_capture_times_have_a_bound() -> None:
    timed = CaptureTimes(Photographed(REMEMBERED + 10), Broadcast())
    assert len(list(timed)) == REMEMBERED + 10
    assert timed.of(9) is None
    assert timed.of(10) == 110.0


def test_a_source_with_capture_times_looks_like_the_source() -> None:
    source = Counting(1)
    timed = CaptureTimes(source, Broadcast())
    assert StreamInfo.of(timed) == StreamInfo.of(source)
    source.notice = "lost"
    assert timed.notice == "lost"
