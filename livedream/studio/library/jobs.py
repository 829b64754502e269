"""Dreams uploads, one after the other, each in a process of its own."""

import contextlib
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from livedream.errors import LivedreamError, SinkError
from livedream.faults import WRONG, explain
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.lock import OutputLock
from livedream.sink.names import journal_of, lock_of, part_of
from livedream.studio.library.errors import BusyError, UnknownThingError, WrongStateError
from livedream.studio.library.files import Files
from livedream.studio.library.job_record import LOOK, Job, JobError, Record, read_records, write_record
from livedream.studio.library.job_run import STALL_SECONDS, STALL_SECONDS_BEFORE, STOP_SECONDS, JobRun, Outcome
from livedream.studio.library.json_file import write_file
from livedream.studio.library.messages import with_names
from livedream.studio.library.process import command
from livedream.studio.library.uploads import check_free, free_bytes

log = logging.getLogger(__name__)

MOST = 100
"""Jobs that are kept."""
PROGRESS_SECONDS = 1.0
"""Between two calls of `on_change` because of progress."""


def worker_command(words: Sequence[str]) -> list[str]:
    """Return the command of a worker that runs livedream with these words."""
    return command("livedream.studio.library.job_process", str(os.getpid()), *words)


class Jobs:
    """The uploads that are dreamt. Any thread may use it.

    One worker runs at a time, after `begin`. Jobs are kept in `folder`/ID/: after a restart, those that waited or ran
    are resumed. `close` ends the worker, whose job is resumed the next time.

    Args:
        files: the library.
        folder: where the jobs are kept; it is made if needed.
        on_change: called when a job has changed, on any thread; for progress at most once a second.
        make_command: returns the command that runs livedream with some words.
        stall: seconds without progress after which a worker is killed, and the same before its first frame.
        free: returns the free bytes of the disk with a folder.

    Raises:
        LivedreamError: the folder cannot be made or read.
    """

    def __init__(
        self,
        files: Files,
        folder: Path,
        on_change: Callable[[], object] = lambda: None,
        *,
        make_command: Callable[[Sequence[str]], list[str]] = worker_command,
        stall: tuple[float, float] = (STALL_SECONDS, STALL_SECONDS_BEFORE),
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._files = files
        self._folder = folder
        self._on_change = on_change
        self._make_command = make_command
        self._stall = stall
        self._free = free
        self._changed = threading.Condition()
        """Guards the following, and is notified when one of it changes."""
        self._running: Record | None = None
        self._run: JobRun | None = None
        self._wish_to_stop = False
        self._closing = False
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._records = {record.id: record for record in read_records(self._folder)}
        except OSError as error:
            raise LivedreamError(
                f"{self._folder} cannot be used: {error.strerror}", "check the permissions, or choose another folder"
            ) from error
        for record in self._records.values():
            if record.state == "running":
                record.state = "waiting"
        self._thread = threading.Thread(target=self._work, name="livedream-jobs", daemon=True)

    def begin(self) -> None:
        """Begin to work. Before that, jobs only wait, and `on_change` is not called by itself."""
        self._thread.start()

    # What can be asked for

    def list(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        with self._changed:
            records = [record.model_copy() for record in self._records.values()]
        return [self._shown(record) for record in records]

    def find(self, id: str) -> Job:
        """Return a job. Raises UnknownThingError."""
        with self._changed:
            record = self._look_up(id).model_copy()
        return self._shown(record)

    def uses(self, file: str) -> bool:
        """Return whether a job that waits or runs needs a file."""
        with self._changed:
            return any(
                record.file == file and record.state in ("waiting", "running") for record in self._records.values()
            )

    def add(self, file: str, look: str, settings: DreamSettings) -> Job:
        """Dream a file as soon as the jobs before it have ended.

        Args:
            file: its id.
            look: the name of the settings, for people.
            settings: the settings of the dream.

        Raises:
            UnknownThingError: there is no such file.
            BusyError: there are too many jobs.
            NoSpaceError: the disk is full.
        """
        entry, _ = self._files.find(file)
        film = self._files.is_film(file)
        check_free(self._folder, entry.bytes, self._free)  # dreams are rarely smaller than their sources
        dream, _ = self._files.path_for("dream", ".mp4" if film else ".png")
        id = f"job-{secrets.token_hex(6)}"
        record = Record(
            id=id, file=file, name=entry.name, look=look, made=time.time(), film=film, dream=dream, text="waiting"
        )
        with self._changed:
            if len(self._records) >= MOST:
                raise BusyError(f"there are {MOST} jobs already", "delete some of them")
            try:
                self._place(record).mkdir(mode=0o700)
                write_file(self._place(record) / LOOK, Recipe(settings=settings).text().encode())
                write_record(self._place(record), record)
            except OSError as error:
                shutil.rmtree(self._place(record), ignore_errors=True)
                raise LivedreamError(f"the job cannot be kept: {error.strerror}", "free some disk space") from error
            self._records[id] = record
            self._changed.notify_all()
        self._on_change()
        return self.find(id)

    def stop(self, id: str) -> Job:
        """Stop a job, so that `start` can resume it. It takes until the worker has ended.

        Raises:
            UnknownThingError: there is no such job.
            WrongStateError: it has ended.
        """
        with self._changed:
            record = self._look_up(id)
            if record.state in ("done", "failed"):
                raise WrongStateError("the job has ended already", "it can be deleted")
            self._end_run_of(record)
            if record.state == "waiting":
                self._set(record, "stopped")
        self._on_change()
        return self.find(id)

    def start(self, id: str) -> Job:
        """Resume a job that was stopped, or failed, where it ended.

        Raises:
            UnknownThingError: there is no such job, or its file was deleted.
            WrongStateError: it is done.
        """
        with self._changed:
            record = self._look_up(id)
            if record.state == "done":
                raise WrongStateError("the job is done", "make a new one")
            self._files.find(record.file)
            if record.state in ("stopped", "failed"):
                record.error = None
                self._set(record, "waiting")
        self._on_change()
        return self.find(id)

    def delete(self, id: str) -> None:
        """Delete a job and its unfinished dream; a finished one stays. Raises UnknownThingError."""
        with self._changed:
            record = self._look_up(id)
            self._end_run_of(record)
            self._records.pop(id, None)
        if record.state != "done":
            self._remove_part(record)
        shutil.rmtree(self._place(record), ignore_errors=True)
        self._on_change()

    def close(self) -> None:
        """End the worker, and wait for it. Its job is resumed by the next `Jobs` in this folder."""
        with self._changed:
            self._closing = True
            if self._run is not None:
                self._run.stop()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def _shown(self, record: Record) -> Job:
        fields = record.model_dump(exclude={"film", "dream", "afresh"})
        result = record.dream if record.state == "done" and self._files.exists(record.dream) else None
        left = record.left if record.state == "running" else None
        return Job.model_validate({**fields, "left": left, "result": result})

    # What needs the lock

    def _look_up(self, id: str) -> Record:
        record = self._records.get(id)
        if record is None:
            raise UnknownThingError("there is no such job", "it may have been deleted")
        return record

    def _set(self, record: Record, state: Any) -> None:
        """Change the state of a job, on the disk too if that is possible."""
        record.state = state
        if state == "waiting":
            record.text = "waiting"
        try:
            write_record(self._place(record), record)
        except OSError as error:
            log.warning("the state of the job %s cannot be kept: %s", record.name, error.strerror)
        self._changed.notify_all()

    def _end_run_of(self, record: Record) -> None:
        """Stop the worker if it dreams for this job, and wait for its end."""
        if self._running is record:
            self._wish_to_stop = True
            if self._run is not None:
                self._run.stop()
            self._changed.wait_for(lambda: self._running is not record)

    # The thread

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._next() is not None)
                record = self._next()
                if self._closing or record is None:
                    return
                self._running, self._wish_to_stop = record, False
                self._set(record, "running")
            self._on_change()
            try:
                self._dream(record)
            except Exception as error:  # the other jobs continue, whatever it is
                log.info("the job %s", record.name, exc_info=error)
                fault, names = explain(error), self._names(record)
                self._fail(record, with_names(fault.message, names), with_names(fault.hint, names))
            with self._changed:
                self._running = self._run = None
                self._changed.notify_all()
            self._on_change()

    def _next(self) -> Record | None:
        return next((record for record in self._records.values() if record.state == "waiting"), None)

    def _dream(self, record: Record) -> None:
        """Dream one file. Raises LivedreamError and OSError."""
        target = self._target(record)
        if target.exists():  # it was finished just before the studio was killed
            self._finish(record, None)
            return
        _, path = self._files.find(record.file)
        check_free(self._folder, 0, self._free)
        _await_former(target)
        if record.afresh:
            self._remove_part(record)
        look = self._place(record) / LOOK
        words = ["run", str(path.absolute()), "-o", str(target.absolute()), "--preset", str(look.absolute())]
        words += ["--resume" if record.film else "--overwrite", "--progress", "json", "-q"]
        last = 0.0

        def on_progress(state: dict[str, Any]) -> None:
            nonlocal last
            with self._changed:
                record.share, record.left = _number(state.get("share")), _number(state.get("left"))
                record.text = str(state.get("text", ""))[:200]
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                self._on_change()

        run = JobRun(self._make_command(words), on_progress, self._stall)
        with self._changed:
            self._run = run
            if self._closing or self._wish_to_stop:
                run.stop()
        self._conclude(record, run.wait())

    def _conclude(self, record: Record, outcome: Outcome) -> None:
        """Keep how a worker ended."""
        target, names = self._target(record), self._names(record)
        message, hint = (with_names(text, names) for text in (outcome.message, outcome.hint))
        if target.exists():
            self._finish(record, JobError(message=message, hint=hint) if outcome.code else None)
        elif outcome.stopped:
            with self._changed:
                self._set(record, "stopped" if not self._closing or self._wish_to_stop else "running")
        elif outcome.stalled:
            self._fail(record, "nothing happened any more, so it was ended", "start it again, or choose another look")
        else:
            record.afresh = outcome.code == WRONG  # a part that was begun by another version cannot be resumed
            if not message and outcome.code < 0:
                message, hint = f"the worker was killed (signal {-outcome.code})", "the memory may have been too small"
            self._fail(record, message or f"the worker ended with code {outcome.code}", hint)

    def _finish(self, record: Record, error: JobError | None) -> None:
        target = self._target(record)
        with contextlib.suppress(OSError):  # then the file keeps the name that we made
            self._files.name_dream(target, f"{Path(record.name).stem}-dream{target.suffix}")
        with self._changed:
            record.share, record.text, record.error = 1.0, "done", error
            self._set(record, "done")
        self._files.changed()

    def _fail(self, record: Record, message: str, hint: str) -> None:
        with self._changed:
            record.error = JobError(message=message[:500], hint=hint[:500])
            self._set(record, "failed")

    def _place(self, record: Record) -> Path:
        return self._folder / record.id

    def _target(self, record: Record) -> Path:
        return self._files.folder_of("dream") / f"{record.dream}{'.mp4' if record.film else '.png'}"

    def _names(self, record: Record) -> dict[Path, str]:
        """Return what to call the paths of a job in messages."""
        target = self._target(record)
        names = {target: "the dream", part_of(target): "the unfinished dream", lock_of(target): "the lock of the dream"}
        names |= {self._place(record) / LOOK: "the look", self._place(record): "the folder of the job"}
        with contextlib.suppress(UnknownThingError):
            entry, path = self._files.find(record.file)
            names[path] = entry.name
        return names

    def _remove_part(self, record: Record) -> None:
        target = self._target(record)
        part = part_of(target)
        shutil.rmtree(journal_of(part), ignore_errors=True)
        for path in (part, lock_of(target)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _await_former(target: Path) -> None:
    """Wait for the worker of a studio that was killed: it ends after its present frame. Raises SinkError."""
    limit = time.monotonic() + STOP_SECONDS
    while True:
        try:
            with OutputLock(target):
                return
        except SinkError:
            if time.monotonic() > limit:
                raise
        time.sleep(0.2)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
