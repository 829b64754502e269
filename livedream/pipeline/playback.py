"""A video at its own speed: the clock that decides when each frame is shown."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from livedream.documented import Documented
from livedream.frame import Frame

_log = logging.getLogger(__name__)

READY = 2
"""Dreamt frames that wait until they are due. Together with those in progress they hide a stall of about 0.15 s at 30
frames per second, and the effect of a key is not delayed by more."""
AHEAD_SECONDS = 0.25
"""How long before it is due a frame is dreamt at the earliest. Otherwise, in a slide show with a picture every five
seconds, a key would show its effect after half a minute."""
MOST_LATE = 0.5
"""Seconds. The video catches up after a shorter stall; after a longer one it continues from there at normal speed."""
CATCH_UP = Fraction(5, 4)
"""The speed while it catches up: hardly visible, and it makes up for a quarter of a second in one second."""

GLANCE_SECONDS = 0.1
"""How often it checks whether a window has failed to open."""

JUDGED_SECONDS = 3.0
"""The period over which the speed of the dream is judged,"""
JUDGED_FRAMES = 8
"""and the least number of frames."""
TOO_SLOW = 0.97
"""Share of the video's rate below which the dream is too slow, if most frames come late."""
MUCH_TOO_SLOW = 0.75
"""Share of the video's rate below which it is too slow even if most frames are in time: it stalls repeatedly."""
LATE = 0.001
"""Seconds after which a frame that is due counts as late."""


class _Arrival(NamedTuple):
    """The arrival of a dreamt frame."""

    at: float
    time: Fraction
    late: bool
    """Whether it was due before."""


class Playback(metaclass=Documented):
    """The clock of a video that is played while it is dreamt.

    Frames are shown at their own times, which need not be regular, and the last one for its own duration. If the dream
    is slower, each frame is shown as soon as it is ready: the video plays more slowly, which is logged once and stands
    in `notice`.

    Any thread may call its methods.

    Args:
        speed: 2 plays twice as fast.
        only_played: whether no sink keeps the frames. The run then ends when its window is closed.
        clock: returns seconds that never go back.

    Raises:
        ValueError: `speed` is not above 0.
    """

    _machinery = "approach", "begin", "finish", "seen", "show", "stop"

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
        """That the dream is slower than the video, in words; None if it is not."""
        self._clock = clock or time.perf_counter
        self._changed = threading.Condition()
        self._stopped = False
        self._paused_at: float | None = None
        self._began_at: float | None = None
        """When time 0 of the video was or would have been shown; None before the first frame."""
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
        """Whether it stands still."""
        return self._paused_at is not None

    def toggle_pause(self) -> None:
        """Pause the video, or continue it."""
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
        """Continue if it is paused."""
        with self._changed:
            if self.paused:
                self.toggle_pause()

    @property
    def shown(self) -> Frame | None:
        """The frame that is shown; those dreamt after it wait until they are due."""
        return self._last

    @property
    def position(self) -> float | None:
        """The present time of the video in seconds; None before its first frame. It waits for a frame that is late."""
        with self._changed:
            if self._began_at is None or self._last is None:
                return None
            now = self._clock() if self._paused_at is None else self._paused_at
            return min((now - self._began_at) * float(self.speed), float(self._last.time + self._step))

    # For the run: begin, show and finish on one thread, approach on another

    def approach(self, frame: Frame) -> None:
        """Wait until it is time to dream `frame`."""
        self._wait_until(lambda: self._due(frame.time) - AHEAD_SECONDS)

    def begin(self, first: Frame, is_seen: Callable[[], bool] = lambda: True) -> None:
        """Start the clock once `is_seen` returns True: a window takes a quarter second to open with the first frame."""
        with self._changed:
            while not self._stopped and not is_seen():
                self._changed.wait_for(lambda: self._stopped or is_seen(), GLANCE_SECONDS)
            self._shown_at, self._last = self._clock(), first
            self._began_at = self._shown_at - self._seconds(first.time)
            if self._paused_at is not None:
                self._paused_at = self._shown_at

    def show(self, frame: Frame) -> None:
        """Wait until the dreamt `frame` is due. It counts as shown when this returns."""
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
        """Note that a display shows the first frame."""
        with self._changed:
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until the duration of the last frame is over."""
        last = self._last
        if last is not None:
            self._wait_until(lambda: self._shown_at + self._seconds(last.duration or self._step))

    def stop(self) -> None:
        """End all waiting, now and later, because the run ends."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    # Times by the clock

    def _seconds(self, time: Fraction) -> float:
        return float(time / self.speed)

    def _due(self, time: Fraction) -> float:
        """Return when a frame should be shown."""
        if self._began_at is None:  # the first frame will be shown in a moment
            return self._clock() + self._seconds(time)
        return self._began_at + self._seconds(time)

    def _soonest(self, time: Fraction) -> float:
        """Return when a frame can be shown: late frames are not shown all at once."""
        return max(self._due(time), self._shown_at + self._seconds(self._step / CATCH_UP))

    def _delay(self, seconds: float) -> None:
        if self._began_at is not None:
            self._began_at += seconds

    def _wait_until(self, moment: Callable[[], float]) -> None:
        """Wait until the clock reaches `moment`, which a pause delays."""
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
