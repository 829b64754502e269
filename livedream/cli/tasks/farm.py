"""Dreams all films of a manifest with workers on Ray."""

import contextlib
import time

from livedream.cli.activity import Activity
from livedream.cli.console import remark, say, say_error, say_table
from livedream.cli.progress import counted, duration
from livedream.cli.signals import Stopped, stopping
from livedream.cli.status_line import StatusLine
from livedream.cli.tasks.loading import load_torch
from livedream.dream.compute.threads import processors
from livedream.errors import LivedreamError
from livedream.farm import registry
from livedream.farm.crew import Crew, needed, ray_session
from livedream.farm.driver import Farm, Result
from livedream.farm.estimate import Estimate, estimate, measure
from livedream.farm.join import is_joined
from livedream.farm.manifest import Machine
from livedream.farm.progress import FarmProgress
from livedream.farm.workspace import Workspace

ALONE_SECONDS = 60.0
"""After this time without a worker, the command names what a worker needs. A worker starts in 5 to 10 seconds."""


def dream_farm(work: Workspace, *, address: str | None, workers: int | None, overwrite: bool) -> int:
    """Dream and join all films, and return the exit code. address, workers: see `livedream farm`.

    Raises LivedreamError, ArgumentError: something is wrong for every shard.
    """
    load_torch()
    place = work.store.shown(work.name)
    if not overwrite and all(is_joined(work, film) for film in work.manifest.films):
        say(f"complete: {counted(len(work.manifest.films), 'film')} of {place}")
        return 0
    try:
        with stopping() as stop, contextlib.ExitStack() as opened:
            with Activity("starting Ray" if address is None else f"connecting to {address}"):
                opened.enter_context(ray_session(address, processors()))
            stop.hold()
            line = opened.enter_context(StatusLine())
            teller = Teller(work, line)

            def on_progress(progress: FarmProgress) -> None:
                teller.tell(progress)
                stop.check()

            crew = Crew(_absolute(work), work.manifest.machine, workers, may_grow=address is not None)
            result = Farm(work, crew, on_progress, overwrite=overwrite).run()
    except Stopped as stopped:
        remark(f"stopped; to continue: livedream farm {place}")
        return stopped.exit_code
    return _conclude(work, result)


def _absolute(work: Workspace) -> str:
    """Return the place of the manifest for a process with another working folder."""
    folder = work.store.folder
    return f"{work.store.place.rstrip('/')}/{work.name}" if folder is None else str(folder.absolute() / work.name)


class Teller:
    """Shows how far a farm is: here, in the folder of its manifest, and to a studio on this machine."""

    def __init__(self, work: Workspace, line: StatusLine) -> None:
        self._work, self._line = work, line
        self._failed_to_write = False
        self._alone_since: float | None = None
        self._place = work.store.place if work.store.folder is None else str(work.store.folder.absolute())

    def tell(self, progress: FarmProgress) -> None:
        share = progress.done / progress.frames if progress.frames else 1.0
        self._line.show(_status(progress), share, left=progress.seconds_left, frames=progress.done, fps=progress.fps)
        self._note_absence(progress)
        text = progress.text()
        registry.tell(progress.manifest, self._place, text)
        try:
            self._work.store.write(self._work.progress_file, text.encode())
        except LivedreamError as error:
            if not self._failed_to_write:
                self._failed_to_write = True
                remark(f"the progress cannot be written: {error}")

    def _note_absence(self, progress: FarmProgress) -> None:
        """Say once if no worker is there: a cluster that is full or too small would leave people waiting."""
        now = time.monotonic()
        if progress.workers or progress.done == progress.frames:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since >= ALONE_SECONDS:
            self._alone_since = float("inf")
            remark(f"no worker has room: each needs {needed(self._work.manifest.machine)}; waiting for the cluster")


def _status(progress: FarmProgress) -> str:
    """Return `2 of 5 films, 1200 of 5040 frames, 93.1 fps, 2 workers, 0:41 left`."""
    complete = sum(film.state == "complete" for film in progress.films)
    failed = sum(film.state == "failed" for film in progress.films)
    parts = [
        f"{complete} of {counted(len(progress.films), 'film')}",
        *([f"{failed} failed"] if failed else []),
        f"{progress.done} of {counted(progress.frames, 'frame')}",
        f"{progress.fps:.1f} fps",
        counted(progress.workers, "worker"),
    ]
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(parts)


def _conclude(work: Workspace, result: Result) -> int:
    for film in work.manifest.films:
        if film.target in result.joined:
            say(f"written: {work.store.shown(film.target)}")
    for target, (message, hint) in result.failed.items():
        say_error(f"{target}: {message}", hint)
    return 1 if result.failed else 0


def dry(work: Workspace, workers: int | None, cost_per_hour: float | None) -> int:
    """Print what time and disk a manifest will take, and what it costs; return the exit code."""
    load_torch()
    with stopping(), Activity("measuring one worker"):
        pace = measure(work)
    most = workers or max(1, processors() // work.manifest.machine.threads)
    counts = sorted({1, most, 10 * most})
    rows = [_row(estimate(work.manifest, pace, count, cost_per_hour)) for count in counts]
    one = estimate(work.manifest, pace, 1, cost_per_hour)
    fps = 1 / pace.seconds_per_frame
    say(f"one worker here: {fps:.1f} fps, first frame after {pace.start_seconds:.1f} s")
    say(f"work: {work_text(one, work.manifest.machine)}; disk for shards and films: {size_text(one.disk_bytes)}")
    head = ("workers", "time", "cost") if cost_per_hour is not None else ("workers", "time")
    say_table([head, *(row[: len(head)] for row in rows)])
    return 0


def work_text(found: Estimate, machine: Machine) -> str:
    """Return `12.5 core-hours`, or GPU-hours."""
    hours = found.work_seconds / 3600
    if machine.device == "cuda":
        return f"{hours:.3g} GPU-hours"
    return f"{hours * machine.threads:.3g} core-hours"


def size_text(count: float) -> str:
    """Return a number of bytes as people say it: `640 MB`, `1.3 GB`."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def _row(found: Estimate) -> tuple[str, str, str]:
    cost = "" if found.cost is None else f"{found.cost:.2f}"
    return str(found.workers), duration(found.seconds), cost
