"""Plays a file that somebody uploaded, which a process of its own decodes."""

import contextlib
import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from pydantic import BaseModel, ValidationError

from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.studio.library.messages import with_names
from livedream.studio.library.player_messages import ALIVE, ASK, About, Announced, Problem
from livedream.studio.library.process import command, environment
from livedream.studio.library.repeated_picture import RepeatedPicture

SILENCE_SECONDS = 20.0
"""Without a sign of life, after which the process is killed. It starts within a second."""
_TICK_SECONDS = 0.5
_LONGEST_LINE = 1 << 14
_ON_WINDOWS = 0x200
"""CREATE_NEW_PROCESS_GROUP, which keeps Ctrl-C off."""
_Message = TypeVar("_Message", bound=BaseModel)


def play(path: Path, name: str) -> Source:
    """Return a live source that plays a film again and again, or repeats a picture.

    Args:
        path: of the file.
        name: what to call it; it replaces the path in messages.

    Raises:
        SourceError: it cannot be decoded.
    """
    player = Player(path, name)
    if not player.still:
        return player
    with player:
        return RepeatedPicture(next(iter(player)).pixels, player.pixel_aspect, name)


class Player(Source):
    """Plays a film like `DemoSource`, which runs in a process with limits.

    Args:
        path: of the film.
        name: what to call it.
        silence: seconds after which a process that says nothing is killed.

    Raises:
        SourceError: it cannot be decoded.
    """

    live = True

    def __init__(self, path: Path, name: str, silence: float = SILENCE_SECONDS) -> None:
        self.name = name
        self._path = path.absolute()
        self._silence = silence
        self._closed = threading.Event()
        self._is_late = False
        self._waits_since: float | None = None
        """When the process was heard last; None while nothing is expected of it. In seconds of time.monotonic()."""
        self._newest = Fraction(-1), -1
        """Time and index of the newest frame."""
        self._lock = threading.Lock()
        """Held while a frame is read: the pipes may be closed only between two frames."""
        self._process = subprocess.Popen(
            command("livedream.studio.library.player_process", str(self._path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(PYTHONDONTWRITEBYTECODE="1"),
            start_new_session=sys.platform != "win32",  # Ctrl-C is for the studio
            creationflags=_ON_WINDOWS if sys.platform == "win32" else 0,
        )
        # Popen allows for other types, which it does not return here.
        self._asking = cast(io.BufferedWriter, self._process.stdin)
        self._answers = cast(io.BufferedReader, self._process.stdout)
        self._guard = threading.Thread(target=self._end_if_silent, name="livedream-player", daemon=True)
        self._guard.start()
        try:
            about = self._read(About)
        except BaseException:
            self.close()
            raise
        self.still = about.still
        """Whether it is a picture."""
        self.size = about.width, about.height
        self.rate = about.rate.value
        self.time_base, self.pixel_aspect = about.time_base.value, about.pixel_aspect.value

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def __iter__(self) -> Iterator[Frame]:
        while True:
            try:
                with self._lock:
                    frame = None if self._closed.is_set() else self._next()
            except SourceError:
                if self._closed.is_set():
                    return
                raise
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        self._closed.set()
        self._process.kill()  # first: then a thread that reads a frame comes back, and releases the lock
        self._process.wait()
        self._guard.join()
        with self._lock:
            self._answers.close()
            with contextlib.suppress(BrokenPipeError):  # a question that it did not hear
                self._asking.close()

    def _next(self) -> Frame:
        """Ask for the next frame, and wait for it. Raises SourceError."""
        try:
            self._asking.write(ASK)
            self._asking.flush()
        except OSError as error:
            raise self._failure() from error
        announced = self._read(Announced)
        newest = announced.time.value, announced.index
        if newest[0] <= self._newest[0] or newest[1] <= self._newest[1]:
            raise self._failure()
        self._newest = newest
        pixels = np.empty((announced.height, announced.width, 3), np.uint8)
        self._waits_since = time.monotonic()
        count = self._answers.readinto(pixels.data.cast("B"))
        self._waits_since = None
        if count < pixels.nbytes:
            raise self._failure()
        return Frame(pixels, *newest)

    def _read(self, kind: type[_Message]) -> _Message:
        """Return the next message of the process. Raises SourceError: it is another one, or a problem."""
        line = ALIVE
        while line == ALIVE:
            self._waits_since = time.monotonic()
            line = self._answers.readline(_LONGEST_LINE)
        self._waits_since = None
        try:
            return kind.model_validate_json(line)
        except ValidationError:
            pass
        try:
            problem = Problem.model_validate_json(line)
        except ValidationError:
            raise self._failure() from None
        names = {self._path: self.name}
        raise SourceError(with_names(problem.message, names), with_names(problem.hint, names))

    def _failure(self) -> SourceError:
        """Return the error for a process that was killed, or says something senseless."""
        if self._is_late:
            return SourceError(f"{self.name} takes too long to decode", "make it smaller first")
        return SourceError(f"{self.name} cannot be decoded", "play it with another program to check")

    def _end_if_silent(self) -> None:
        while not self._closed.wait(min(_TICK_SECONDS, self._silence)):
            since = self._waits_since
            if since is not None and time.monotonic() - since > self._silence:
                self._is_late = True
                self._process.kill()
                return
