"""The present picture in every preset, small."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livedream.errors import LivedreamError
from livedream.frame import Frame
from livedream.settings import CONTROLS, DreamSettings
from livedream.studio.pictures.messages import Message
from livedream.studio.pictures.thumbnail import is_drawable, small_picture
from livedream.studio.pictures.worker_process import WorkerProcess

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """How far a round of pictures is."""

    round: int
    """Its number; 0 before the first."""
    done: int
    """How many pictures of it are finished."""
    total: int
    """How many presets have a picture."""
    ready: tuple[str, ...] = ()
    """The presets whose pictures are finished."""
    trouble: str | None = None
    """Why the others will not come; None while they do."""


class PresetPictures:
    """Makes pictures of the presets, one round at a time, in a process of its own with the lowest priority.

    Any thread may call it. The process starts with the first round, and ends a minute after the last.

    Args:
        newest: returns the newest frame of the dream, or None before the first.
        presets: returns the settings of all presets by name.
    """

    def __init__(self, newest: Callable[[], Frame | None], presets: Callable[[], Mapping[str, DreamSettings]]) -> None:
        self._newest = newest
        self._presets = presets
        self._order = threading.Lock()
        """Held while the worker is started, asked or ended, so that rounds reach it in their order."""
        self._is_closed = False
        self._lock = threading.Lock()
        """Of all that follows. The thread of the worker takes only this one, since others wait for that thread."""
        self._worker: WorkerProcess | None = None
        self._round = 0
        self._missing: set[str] = set()
        self._pictures: dict[str, bytes] = {}
        self._trouble: str | None = None

    def begin(self) -> Round:
        """Begin a round with the present picture, in place of an unfinished one.

        Raises:
            LivedreamError: there is no picture yet, or the process cannot be started.
        """
        frame = self._newest()
        if frame is None:
            raise LivedreamError("nothing has been shown yet", "try again when the dream has begun")
        picture = small_picture(frame)
        looks = {name: _controls(settings) for name, settings in self._presets().items() if is_drawable(settings)}
        with self._order:
            if self._is_closed:
                raise LivedreamError("the studio is closing")
            with self._lock:
                self._round += 1
                self._missing, self._pictures, self._trouble = set(looks), {}, None
                header: dict[str, Any] = {"round": self._round}
            header["looks"] = [{"name": name, "controls": controls} for name, controls in looks.items()]
            self._send(header, picture)
        return self.progress()

    def progress(self) -> Round:
        """Return how far the present round is."""
        with self._lock:
            ready = tuple(self._pictures)
            return Round(self._round, len(ready), len(ready) + len(self._missing), ready, self._trouble)

    def picture(self, name: str) -> bytes | None:
        """Return the picture of the preset `name` in the present round as JPEG, or None if it is not finished."""
        with self._lock:
            return self._pictures.get(name)

    def awaits(self, name: str) -> bool:
        """Return whether the picture of the preset `name` is still to come."""
        with self._lock:
            return self._trouble is None and name in self._missing

    def close(self) -> None:
        """End the process. Nothing is left behind."""
        with self._order:
            self._is_closed = True
            worker = self._worker
        if worker is not None:
            worker.finish()

    def _send(self, header: dict[str, Any], picture: bytes) -> None:
        """Send a request to the worker. Start one if none runs, or if it ends before it has read the request."""
        with self._lock:
            worker = self._worker
        for _ in range(2):
            if worker is None or not worker.takes_requests:
                worker = self._new_worker()
            try:
                worker.send(header, picture)
            except OSError as error:
                _log.info("the process of the preset pictures ended: %s", error)
            else:
                return
        with self._lock:
            self._trouble = "the process that makes the pictures ended at once"

    def _new_worker(self) -> WorkerProcess:
        with self._lock:
            former, self._worker = self._worker, None
        if former is not None:
            former.finish()
        worker = WorkerProcess(self._take, self._ended)
        with self._lock:
            self._worker = worker
        return worker

    def _take(self, worker: WorkerProcess, answer: Message) -> None:
        header, picture = answer
        if header.get("idle"):
            self._rest(worker, header["round"])
            return
        name = header["name"]
        with self._lock:
            if header["round"] != self._round:
                return
            self._missing.discard(name)
            if picture:
                self._pictures[name] = picture
            else:
                _log.info("no picture of the preset %s: %s", name, header["fault"])

    def _rest(self, worker: WorkerProcess, number: int) -> None:
        """End the worker, which has had nothing to do since round `number`, unless another round is about to begin."""
        if not self._order.acquire(blocking=False):
            return
        try:
            with self._lock:
                is_last = number == self._round
            if is_last:
                worker.end()
        finally:
            self._order.release()

    def _ended(self, worker: WorkerProcess, code: int) -> None:
        with self._lock:
            if worker is self._worker and self._missing and not self._is_closed:
                self._trouble = f"the process that makes the pictures ended with code {code}"


def _controls(settings: DreamSettings) -> dict[str, Any]:
    """Return the controls that differ from their defaults."""
    values = {control.name: getattr(settings, control.name) for control in CONTROLS}
    return {control.name: values[control.name] for control in CONTROLS if values[control.name] != control.default}
