"""Drives a farm: gives shards to workers, joins films, and reports its progress."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from livedream.errors import ArgumentError, LivedreamError
from livedream.farm.crew import Crew, Event
from livedream.farm.join import is_joined, join_film
from livedream.farm.manifest import Film
from livedream.farm.progress import FarmProgress, Pace, farm_progress
from livedream.farm.schedule import Schedule
from livedream.farm.shard import receipt_of
from livedream.farm.workspace import Workspace

TICK_SECONDS = 0.2
"""The longest wait: signals are looked for after it."""
TELL_SECONDS = 1.0
FILL_SECONDS = 5.0
"""How often it is looked whether the cluster has room for more workers."""
BUSY_SECONDS = 2.0
"""How long to wait for a shard that another process dreams: usually a worker that is about to end."""
BUSY_TRIES = 30


class _EndedError(Exception):
    """The farm has ended while a film was being joined."""


@dataclass(slots=True)
class Result:
    """How a farm has ended."""

    joined: list[str] = field(default_factory=list)
    """The targets that are complete."""
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By target, why it is not: a message and a hint."""


class Farm:
    """Dreams all films of a manifest.

    What it knows is in the store: it may be killed and started again at any time.

    Args:
        work: the manifest and its store.
        crew: the workers.
        on_progress: called about once a second. An exception in it ends the farm.
        overwrite: whether existing films may be replaced.
    """

    def __init__(
        self, work: Workspace, crew: Crew, on_progress: Callable[[FarmProgress], object], *, overwrite: bool = False
    ) -> None:
        self._work = work
        self._crew = crew
        self._on_progress = on_progress
        self._overwrite = overwrite
        manifest = work.manifest
        self._result = Result([] if overwrite else [film.target for film in manifest.films if is_joined(work, film)])
        wanted = [film for film in manifest.films if film.target not in self._result.joined]
        shards = [shard for film in wanted for shard in film.shards]
        done = {shard.number for shard in shards if receipt_of(work, shard.number) is not None}
        self._schedule = Schedule(shards, done)
        self._of_joined = {shard.number for film in manifest.films if film not in wanted for shard in film.shards}
        self._unjoined = wanted
        self._joining: tuple[Film, Future[None]] | None = None
        self._ended = threading.Event()
        self._pace = Pace()
        self._told = self._filled = float("-inf")
        self._size = 0
        """How many workers there were when they were counted last."""
        self._busy: dict[int, tuple[int, float]] = {}
        """By number of a shard that another process dreams: how often it was met, and when to try again."""

    def run(self) -> Result:
        """Dream and join everything, and return the result.

        Raises:
            ArgumentError, LivedreamError: something is wrong for every shard, or no worker can start.
        """
        with ThreadPoolExecutor(1, "livedream-join") as joiner:
            try:
                while not self._schedule.finished or self._unjoined or self._joining is not None or self._busy:
                    self._join_next(joiner)
                    if not self._schedule.finished or self._busy:
                        self._dream()
                    else:
                        self._crew.dismiss()
                        time.sleep(TICK_SECONDS)
                    self._tell()
            finally:
                self._ended.set()
                self._crew.dismiss()
        self._tell(finished=True)
        return self._result

    # Dreaming

    def _dream(self) -> None:
        now = time.monotonic()
        for due in [number for number, (_, moment) in self._busy.items() if moment <= now]:
            self._busy[due] = (self._busy[due][0], float("inf"))
            self._schedule.wake(due)
        if now - self._filled >= FILL_SECONDS or len(self._crew.hands) < self._size:
            self._filled = now
            self._crew.fill(self._schedule.open + len(self._busy))
            self._size = len(self._crew.hands)
        for hand in self._crew.idle:
            # Only those that are ready: others may never be, on a cluster whose room somebody else has.
            others = [other.name for other in self._crew.hands if other is not hand and other.ready is None]
            number = self._schedule.next_for(hand.name, others)
            if number is not None:
                self._crew.start(hand, number)
        for event in self._crew.events(TICK_SECONDS):
            self._handle(event)

    def _handle(self, event: Event) -> None:
        number, outcome = event.hand.number, event.outcome
        event.hand.number = None
        if number is None:  # it ended before it got a shard: the next one is made in a while, not at once
            self._size = len(self._crew.hands)
            return
        if outcome is None or not outcome.busy:
            self._busy.pop(number, None)
        if outcome is None:
            # Its last shard may have been complete already.
            if receipt_of(self._work, number) is not None:
                self._schedule.done(number)
            else:
                self._schedule.lose(number)
        elif outcome.fatal:
            raise ArgumentError(outcome.error, outcome.hint)
        elif outcome.busy:
            self._wait_for(number, outcome.error)
        elif outcome.error:
            self._schedule.fail(number, outcome.error)
        else:
            self._schedule.done(number)

    def _wait_for(self, number: int, reason: str) -> None:
        """Try a shard again in a moment that another process dreams."""
        met = self._busy.get(number, (0, 0.0))[0] + 1
        if met > BUSY_TRIES:
            del self._busy[number]
            self._schedule.fail(number, reason)
            return
        self._schedule.sleep(number)
        self._busy[number] = (met, time.monotonic() + BUSY_SECONDS)

    # Joining

    def _join_next(self, joiner: ThreadPoolExecutor) -> None:
        """Join the next film whose shards are complete; note those that failed."""
        if self._joining is not None:
            film, future = self._joining
            if not future.done():
                return
            self._joining = None
            error = future.exception()
            if error is None:
                self._result.joined.append(film.target)
            elif isinstance(error, LivedreamError | ArgumentError):
                self._result.failed[film.target] = str(error), error.hint.command_line
            else:
                raise error
        for film in list(self._unjoined):
            numbers = {shard.number for shard in film.shards}
            reasons = self._schedule.reasons(film.shards)
            if reasons and not numbers & (self._schedule.running.keys() | self._schedule.waiting):
                self._unjoined.remove(film)
                self._result.failed[film.target] = next(iter(reasons.values())), "the same command tries again"
            elif numbers <= self._schedule.complete and self._joining is None:
                self._unjoined.remove(film)
                self._joining = film, joiner.submit(self._join, film)

    def _join(self, film: Film) -> None:
        join_film(self._work, film, overwrite=self._overwrite, on_frame=self._go_on)

    def _go_on(self, count: int) -> None:
        """End a join after a signal: it may have minutes to go. count: of frames that are written."""
        if self._ended.is_set():
            raise _EndedError

    # Telling

    def _tell(self, *, finished: bool = False) -> None:
        now = time.monotonic()
        if now - self._told < TELL_SECONDS and not finished:
            return
        self._told = now
        self._crew.ask()
        partly = {hand.number: hand.frames for hand in self._crew.hands if hand.number is not None}
        done = sum(shard.frames for shard in self._work.manifest.shards if shard.number in self._schedule.complete)
        self._pace.note(done + sum(partly.values()), now)
        self._on_progress(
            farm_progress(
                self._work.manifest,
                complete=self._schedule.complete | self._of_joined,
                partly=partly,
                joined=self._result.joined,
                joining=None if self._joining is None else self._joining[0].target,
                failed={target: message for target, (message, _) in self._result.failed.items()},
                workers=self._crew.alive,
                pace=self._pace,
                finished=finished,
            )
        )
