"""Dreams one shard of a manifest: once, and from where it was interrupted."""

import hashlib
import logging
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from livedream.dream.dreamer import Dreamer
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.farm.film_part import FilmPart, PlannedFramesError
from livedream.farm.machine import become, become_itself, processor_for
from livedream.farm.manifest import Film, Shard
from livedream.farm.receipt import Receipt, parse_receipt
from livedream.farm.workspace import Workspace
from livedream.pipeline import Report, run
from livedream.pipeline.checkpoints import Checkpoints, Journal, frames_left, pick_up
from livedream.recipe import fingerprint, library_versions
from livedream.sink.lock import OutputLock
from livedream.sink.names import part_of
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.hardware import choose_encoder
from livedream.sink.video.joined import PieceSink
from livedream.sink.video.salvage import Salvage
from livedream.stream_info import StreamInfo

_log = logging.getLogger(__name__)

OnReport = Callable[[Report], object]


def receipt_of(work: Workspace, number: int) -> Receipt | None:
    """Return the receipt of a shard that is complete, None if it is not.

    Only the size of its file is compared; `join` reads all of it. A receipt that is damaged counts as none. Raises
    SourceError.
    """
    film, shard = work.manifest.shard(number)
    content = work.store.read(work.receipt_file(shard))
    if content is None:
        return None
    try:
        receipt = parse_receipt(content, work.store.shown(work.receipt_file(shard)))
    except ArgumentError:
        return None
    is_ours = (receipt.manifest, receipt.number) == (work.manifest.id, number)
    return receipt if is_ours and work.store.size(work.shard_file(film, shard)) == receipt.bytes else None


class BusyShardError(SinkError):
    """Another process dreams this shard."""


class ShardDreamer:
    """Dreams shards of one manifest, one after another, with the network loaded once.

    The process has the threads of the manifest until `close`.

    Raises:
        ArgumentError: this machine would make other pixels, and the manifest does not allow it.
        DeviceError: the device of the manifest is not here.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._dreamer = Dreamer(become(work.manifest))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the process the threads back that it had."""
        become_itself(self._work.manifest)

    def dream(self, number: int, on_report: OnReport = lambda report: None) -> Receipt:
        """Dream a shard and return its receipt; at once if it is complete already.

        Args:
            number: of the shard.
            on_report: called with the progress, in which frames of an earlier run count as dreamt. An exception in it
                ends the run, which can be continued.

        Raises:
            SourceError: the film cannot be read, or has changed since it was planned.
            BusyShardError: another process dreams it.
            SinkError: the shard cannot be written.
        """
        done = receipt_of(self._work, number)
        if done is not None:
            return done
        film, shard = self._work.manifest.shard(number)
        path = self._work.film(film)
        if fingerprint([path]) != film.fingerprint:
            raise SourceError(f"{path} has changed since it was planned", "plan again")
        attempt = _Attempt(self._work, film, shard, path, self._dreamer)
        with ExitStack() as held:
            try:
                held.enter_context(attempt.alone())
            except SinkError as error:
                raise BusyShardError(str(error), error.hint) from error
            if (done := receipt_of(self._work, number)) is not None:  # another worker had it until now
                return done
            try:
                return attempt.dream(on_report, whole=False)
            except PlannedFramesError:
                if not shard.time:
                    raise
                _log.info("shard %d: after seeking, other frames come than planned; reading from the start", number)
                return attempt.dream(on_report, whole=True)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One shard on its way into its file."""

    work: Workspace
    film: Film
    shard: Shard
    path: Path
    dreamer: Dreamer

    @property
    def target(self) -> Path:
        """The file on this machine."""
        return self.work.store.workplace / self.work.shard_file(self.film, self.shard)

    @property
    def encoding(self) -> Encoding:
        return self.work.manifest.encoding

    def alone(self) -> OutputLock:
        """Return the lock of the shard, up to its receipt; that of its file ends earlier. Raises SinkError."""
        receipt = self.work.store.workplace / self.work.receipt_file(self.shard)
        receipt.parent.mkdir(parents=True, exist_ok=True)
        return OutputLock(receipt)

    def dream(self, on_report: OnReport, *, whole: bool) -> Receipt:
        """Dream the shard. whole: read the film from its beginning."""
        self.target.unlink(missing_ok=True)  # without its receipt it is damaged, or a run was killed after its end
        began, first = time.monotonic(), 0
        with ExitStack() as opened:
            lock = opened.enter_context(OutputLock(self.target))
            part = opened.enter_context(FilmPart(self.path, self.film, self.shard, whole=whole))
            self._begin(part.size)
            encoder = choose_encoder(self.target.suffix.lower(), self.encoding, part.size)
            journal = Journal(part_of(self.target), self._job(encoder.name, whole=whole), begins=self.shard.time)
            kept, first = self._continue(journal, part)
            if not first:
                self._warm_up(part)
            info = StreamInfo.of(part)
            sink = PieceSink(self.target, info, encoding=self.encoding, lock=lock, salvage=kept)
            opened.callback(sink.close)
            if kept is None:
                journal.begin()
            sink.resumable()
            checkpoints = Checkpoints(journal, sink, self.dreamer)

            def count_all(report: Report) -> None:
                on_report(replace(report, dreamt=first + report.dreamt))

            run(part, self.dreamer, [sink], on_progress=count_all, checkpoints=checkpoints)
        journal.finish()
        return self._finish(first, time.monotonic() - began)

    def _begin(self, size: tuple[int, int]) -> None:
        """Bring the dreamer into the state in which a single run would be at the first frame of a scene."""
        self.dreamer.reset()
        self.dreamer.prepare(size)
        self.dreamer.restore(_scene_state(self.shard.first - self.shard.warm_up))

    def _continue(self, journal: Journal, part: FilmPart) -> tuple[Salvage | None, int]:
        """Return what an earlier run has left of the shard, and the number of the frame to continue with."""
        if not journal.exists or not journal.matches or not frames_left(journal):
            journal.part.unlink(missing_ok=True)
            return None, 0
        resumed = pick_up(journal)
        if resumed is None:
            return None, 0
        kept, point = resumed
        if point is None:
            journal.begin()
            return kept, 0
        self.dreamer.restore(point.state)
        part.skip(point.index)
        return kept, point.index

    def _warm_up(self, part: FilmPart) -> None:
        for frame in part.warm_up():
            self.dreamer(frame)

    def _job(self, encoder: str, *, whole: bool) -> Mapping[str, str]:
        return {
            "manifest": self.work.manifest.id,
            "shard": str(self.shard.number),
            "whole": str(whole),
            "encoder": encoder,
            "processor": processor_for(self.work.manifest.machine.device),
            **library_versions(),
        }

    def _finish(self, first: int, seconds: float) -> Receipt:
        receipt = Receipt(
            manifest=self.work.manifest.id,
            number=self.shard.number,
            frames=self.shard.frames,
            bytes=self.target.stat().st_size,
            sha256=sha256_of(self.target),
            used=self.dreamer.description,
            processor=processor_for(self.work.manifest.machine.device),
            versions=library_versions(),
            seconds=round(seconds, 3),
            begun=first,
            worker=f"{platform.node()}:{os.getpid()}",
        )
        store = self.work.store
        store.publish(self.target, self.work.shard_file(self.film, self.shard))
        store.write(self.work.receipt_file(self.shard), receipt.text().encode())
        if store.folder is None:
            self.target.unlink()
        return receipt


def _scene_state(count: int) -> Mapping[str, np.ndarray]:
    """Return the state of a dreamer before a frame that begins a scene, as `Dreamer.state` has it."""
    return {"count": np.array(count), "changed_at": np.array(0)}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
