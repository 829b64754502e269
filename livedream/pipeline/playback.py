"""A film at its own pace: it says when each frame is shown, and waits for that."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from livedream.frame import Frame
from livedream.pipeline.frame_queue import FrameQueue
from livedream.pipeline.offline import DEPTH, Item, OfflinePolicy
from livedream.sink.sink import Sink

_log = logging.getLogger(__name__)

READY = 2
"""Dreamt frames that wait for their time. With those on their way a stall of about 0.15 s of a film of 30 frames per
second goes unseen, and a key takes no longer to show."""
AHEAD_SECONDS = 0.25
"""How long before its time a frame is dreamt at the earliest: in a slide show of a picture every five seconds a key
would show its effect after half a minute otherwise."""
MOST_LATE = 0.5
"""Seconds. A shorter stall is caught up with; after a longer one the film goes on from there, at its normal pace."""
CATCH_UP = Fraction(5, 4)
"""How much faster than normal it goes while it catches up: hardly seen, and a quarter second is back after one."""

GLANCE_SECONDS = 0.1
"""How often it looks whether a window has failed to open."""

JUDGED_SECONDS = 3.0
"""Over how long it is judged whether the dream is too slow,"""
JUDGED_FRAMES = 8
"""and over how many frames at least."""
TOO_SLOW = 0.97
"""Share of the film's rate below which the dream is too slow, if most frames come too late."""
MUCH_TOO_SLOW = 0.75
"""Share of the film's rate below which it is too slow even if most frames are in time: it stalls again and again."""
LATE = 0.001
"""Seconds. A frame that arrives later than that after its time is late."""


class PlaybackPolicy(OfflinePolicy):
    """The rules for a film that is only watched: every frame is shown, and closing the window ends it."""

    dream_first = False
    """Beside busy programs, threads that give way keep the others waiting for their frames."""
    closing_ends_all = True
    sinks_fail_alone = True
    """The window plays on although a recording of it fails."""
    end_seconds: float | None = 10.0

    def sink_box(self, sink: Sink) -> FrameQueue[Item]:
        return FrameQueue(1 if sink.live else DEPTH, wait=True)


class _Arrival(NamedTuple):
    """A frame that has come to be shown."""

    at: float
    time: Fraction
    late: bool
    """Whether its time had passed."""


class Playback:
    """The clock of a film that is played while it is dreamt.

    Frames are shown at their own times, which need not be regular, and the last one for its own duration. Where the
    dream is slower, each frame is shown as soon as it is there: the film plays slower, which is logged once and stands
    in `notice`.

    One thread calls `begin`, `show` and `finish`, another `approach`; all else may be called by any thread.

    speed: 2 plays twice as fast. only_played: whether no sink keeps the frames: then the run ends when its window is
    closed. clock: seconds that never go back.
    """

    def __init__(
        self,
        speed: Fraction = Fraction(1),
        *,
        only_played: bool = True,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self.speed = speed
        self.only_played = only_played
        self.notice: str | None = None
        """What somebody ought to know: that the dream is slower than the film. None while it is not."""
        self._clock = clock or time.perf_counter
        self._changed = threading.Condition()
        self._stopped = False
        self._paused_at: float | None = None
        self._began_at: float | None = None
        """When time 0 of the film is, was, or would have been shown; None before the first frame."""
        self._shown_at = 0.0
        self._last: Frame | None = None
        """The frame that is shown."""
        self._step = Fraction(1, 25)
        """Seconds from the frame before it to that frame."""
        self._arrivals: deque[_Arrival] = deque()
        self._told = False

    # For whoever watches

    @property
    def paused(self) -> bool:
        return self._paused_at is not None

    def toggle_pause(self) -> None:
        """Let the film stand, or go on."""
        with self._changed:
            now = self._clock()
            if self._paused_at is None:
                self._paused_at = now
            else:
                self._delay(now - self._paused_at)
                self._shown_at += now - self._paused_at
                self._paused_at = None
                self._arrivals.clear()
            self._changed.notify_all()

    def resume(self) -> None:
        """Let the film go on if it stands."""
        with self._changed:
            if self.paused:
                self.toggle_pause()

    @property
    def shown(self) -> Frame | None:
        """The frame that is shown; those that were dreamt after it wait for their time."""
        return self._last

    @property
    def position(self) -> float | None:
        """The time of the film just now, in seconds; None before its first frame. It waits for a frame that is late."""
        with self._changed:
            if self._began_at is None or self._last is None:
                return None
            now = self._clock() if self._paused_at is None else self._paused_at
            return min((now - self._began_at) * float(self.speed), float(self._last.time + self._step))

    # For the run

    def approach(self, frame: Frame) -> None:
        """Wait until it is time to dream `frame`."""
        self._wait_until(lambda: self._due(frame.time) - AHEAD_SECONDS)

    def begin(self, first: Frame, is_seen: Callable[[], bool] = lambda: True) -> None:
        """The film begins when `is_seen`: a window takes a quarter second to open, with the first frame."""
        with self._changed:
            while not self._stopped and not is_seen():
                self._changed.wait_for(lambda: self._stopped or is_seen(), GLANCE_SECONDS)
            self._shown_at, self._last = self._clock(), first
            self._began_at = self._shown_at - self._seconds(first.time)
            if self._paused_at is not None:
                self._paused_at = self._shown_at

    def show(self, frame: Frame) -> None:
        """Wait until `frame`, which is dreamt, is to be shown: when this returns, it is."""
        with self._changed:
            arrived = self._clock()
            if self._last is not None:
                self._step = frame.time - self._last.time
            if self._paused_at is None:
                self._judge(_Arrival(arrived, frame.time, arrived > self._soonest(frame.time) + LATE))
            self._wait_until(lambda: self._soonest(frame.time))
            late = self._clock() - self._due(frame.time)
            if late > MOST_LATE:
                self._delay(late)
            self._shown_at, self._last = self._clock(), frame

    def seen(self) -> None:
        """The first frame is shown somewhere."""
        with self._changed:
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until the time of the last frame is over."""
        last = self._last
        if last is not None:
            self._wait_until(lambda: self._shown_at + self._seconds(last.duration or self._step))

    def stop(self) -> None:
        """End all waiting, now and later: somebody wants the run to end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    # Times by the clock

    def _seconds(self, time: Fraction) -> float:
        return float(time / self.speed)

    def _due(self, time: Fraction) -> float:
        """When a frame is to be shown if all goes well."""
        if self._began_at is None:  # the first frame is on its way, and is shown in a moment
            return self._clock() + self._seconds(time)
        return self._began_at + self._seconds(time)

    def _soonest(self, time: Fraction) -> float:
        """When a frame is to be shown: not all at once those that were late."""
        return max(self._due(time), self._shown_at + self._seconds(self._step / CATCH_UP))

    def _delay(self, seconds: float) -> None:
        if self._began_at is not None:
            self._began_at += seconds

    def _wait_until(self, moment: Callable[[], float]) -> None:
        """Wait until `moment`, which a pause moves."""
        with self._changed:
            while not self._stopped:
                if self._paused_at is not None:
                    self._changed.wait_for(lambda: self._stopped or self._paused_at is None)
                left = moment() - self._clock()
                if left <= 0:
                    return
                self._changed.wait_for(lambda: self._stopped or self._paused_at is not None, left)

    # Whether the dream is fast enough

    def _judge(self, arrival: _Arrival) -> None:
        arrivals = self._arrivals
        arrivals.append(arrival)
        while len(arrivals) > JUDGED_FRAMES and arrivals[1].at <= arrival.at - JUDGED_SECONDS:
            arrivals.popleft()
        passed = arrival.at - arrivals[0].at
        if len(arrivals) < JUDGED_FRAMES or passed < JUDGED_SECONDS:
            return
        made = (len(arrivals) - 1) / passed
        wanted = (len(arrivals) - 1) / self._seconds(arrival.time - arrivals[0].time)
        late = sum(each.late for each in arrivals) / len(arrivals)
        if made < (TOO_SLOW if late > 0.75 else MUCH_TOO_SLOW) * wanted:
            self.notice = f"the dream makes {made:.2g} of {wanted:.3g} frames per second: playing slower"
            if not self._told:
                self._told = True
                _log.warning("%s", self.notice)
        elif late < 0.5:
            self.notice = None
