"""Dreams several sources, one after the other, with one network."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.console import remark, say, say_fault, say_table
from livedream.cli.progress import overall_status
from livedream.cli.signals import Stopped, stopping
from livedream.cli.tasks.batch_plan import Job, hindrance, make_folder, plan
from livedream.cli.tasks.dream import dream
from livedream.cli.tasks.effects import (
    Kind,
    Place,
    refuse_useless,
    warn_of_partly_useless,
    warn_of_useless_controls,
    without_useless,
)
from livedream.cli.tasks.recipes import choose_settings, new_dreamer, recipe_options
from livedream.cli.tasks.request import Request
from livedream.dream.objective.ingredients import ingredients
from livedream.errors import ArgumentError, DeviceError, LivedreamError, SinkError, WeightsError
from livedream.faults import is_out_of_memory
from livedream.formats.suffixes import VIDEO_SUFFIXES
from livedream.presets import FILM, STILL
from livedream.recipe import Fact, Recipe, fingerprint
from livedream.settings import DreamSettings
from livedream.sink.names import part_of
from livedream.sink.video.codecs import find_encoders
from livedream.steps import StepReport

if TYPE_CHECKING:
    from livedream.dream.dreamer import Dreamer


log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """The results of the jobs."""

    done: list[Job] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    """Each with the reason."""
    remaining: list[Job] = field(default_factory=list)
    """Interrupted, or not begun, when the batch was stopped."""


class JobRequests:
    """The request for each job, without the options that have no effect on it.

    `warn` reports such options once. Raises ArgumentError for options that have no effect on any job.
    """

    def __init__(self, jobs: Sequence[Job], request: Request) -> None:
        self._request = request
        self._places = [_place(job) for job in jobs]
        refuse_useless(request, self._places)
        for suffix in {Path(job.target).suffix.lower() for job in jobs} & set(VIDEO_SUFFIXES):
            find_encoders(suffix, request.encoding)

    def warn(self) -> None:
        """Warn of options and controls that have no effect on some or all jobs."""
        warn_of_partly_useless(self._request, self._places)
        warn_of_useless_controls(self._request.controls, self._places)

    def of(self, job: Job) -> Request:
        """Return the request for `job`."""
        resume = self._request.resume and part_of(Path(job.target)).exists()
        return replace(without_useless(self._request, _place(job)), sinks=(job.target,), resume=resume)

    def recipe_options(self, job: Job) -> Mapping[str, Fact]:
        """Return the options in the recipe of `job`."""
        return recipe_options(self.of(job))


def _place(job: Job) -> Place:
    return Place(job.source, Kind.PICTURE if job.stills else Kind.VIDEO, [job.target])


def batch(
    specs: Sequence[str],
    request: Request,
    *,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> int:
    """Dream all sources in `specs`, and return the exit code: 1 when one of them failed.

    Outputs that exist and were made by the same recipe are skipped, also with `--overwrite`. When one source fails, the
    error is reported and the batch continues; an error that concerns all sources ends the batch. Options that only
    some of the sources can use are applied to those.

    Args:
        specs: files, folders and patterns, see `plan`.
        request: names at most one sink, see `plan`; `resume` continues the video at which an earlier batch stopped.
        free_bytes: returns the free space in a folder.

    Raises:
        ArgumentError, DeviceError, WeightsError: something is wrong for all sources.
        SinkError: there is clearly too little space.
    """
    if len(request.sinks) > 1:
        raise ArgumentError("several sources take one --to", "name a folder (out/) or a pattern (out/*.mkv)")
    settings_of = {usual: choose_settings(request.preset or usual, request.controls) for usual in (FILM, STILL)}
    with Activity("looking for the sources", delay=QUICK_SECONDS):
        jobs = plan(specs, *request.sinks)
    requests = JobRequests(jobs, request)
    # Files that every source needs are checked here, once.
    ingredients_of = {look: ingredients(settings_of[look]) for look in {job.look for job in jobs}}
    tally = Tally(remaining=list(jobs))
    with stopping():
        try:
            fault_of = partial(_fault, settings_of=settings_of, ingredients_of=ingredients_of, requests=requests)
            with Activity("reading the sources", delay=QUICK_SECONDS) as activity:
                faults = []
                for number, job in enumerate(jobs, 1):
                    faults.append(fault_of(job))
                    done = StepReport("reading the sources", number, len(jobs), "sources", number / len(jobs))
                    activity.step(done)
            todo = _sort_out(jobs, faults, tally, request.overwrite)
            _check_space(todo, free_bytes)
            requests.warn()
            code = _work(todo, tally, settings_of, requests, fault_of, free_bytes)
        except Stopped as stopped:
            code = stopped.exit_code
    _sum_up(tally, total=len(jobs))
    return code or (1 if tally.failed else 0)


def _sort_out(
    jobs: Sequence[Job],
    faults: Sequence[str | None],
    tally: Tally,
    overwrite: bool,
) -> list[Job]:
    """Print and return the jobs to do. faults: what prevents each job, see `hindrance`."""
    todo: list[Job] = []
    rows: list[tuple[str, ...]] = []
    for number, (job, fault) in enumerate(zip(jobs, faults, strict=True), 1):
        note = ""
        if fault == "":
            tally.remaining.remove(job)
            tally.skipped.append(job)
            note = "(done already)"
        elif fault and not overwrite:
            tally.remaining.remove(job)
            tally.failed.append((job, f"{fault} (--overwrite replaces it)"))
            note = "(exists)"
        else:
            todo.append(job)
        rows.append((f"{number:>{len(str(len(jobs)))}}", job.source, "->", job.target, note))
    say(f"{len(jobs)} to dream:" if len(todo) == len(jobs) else f"{len(todo)} of {len(jobs)} to dream:")
    say_table(rows)
    return todo


def _fault(
    job: Job, *, settings_of: Mapping[str, DreamSettings], ingredients_of: Mapping[str, str], requests: JobRequests
) -> str | None:
    """Return what prevents a job, "" when it is done already. ingredients_of: by the usual preset of a job."""
    try:
        recipe = Recipe(
            settings=settings_of[job.look],
            fingerprint=fingerprint(job.files),
            ingredients=ingredients_of[job.look],
            options=requests.recipe_options(job),
        )
        return hindrance(job, recipe, carries=requests.of(job).recipe)
    except Exception as error:  # it concerns this source only, and is reported at its turn
        log.debug("%s", job.source, exc_info=error)
        return None


def _check_space(jobs: Sequence[Job], free_bytes: Callable[[Path], int]) -> None:
    """Make the folder, and print the free and the needed space. Raises SinkError when there is too little."""
    if not jobs:
        return
    folder = Path(jobs[0].target).parent
    make_folder(folder)
    free = _free_space(folder, free_bytes)
    sources = sum(job.bytes for job in jobs)
    remark(f"space: the sources take {_size(sources)}, and dreams are rarely smaller; {_size(free)} free in {folder}")
    _refuse_full(free, sources, folder)


def _free_space(folder: Path, free_bytes: Callable[[Path], int]) -> int:
    try:
        return free_bytes(folder)
    except OSError as error:
        raise SinkError(f"{folder} cannot be read: {error.strerror}", "choose another place with --to") from error


def _refuse_full(free: int, wanted: int, folder: Path) -> None:
    if free < wanted:
        text = f"not enough space: {_size(free)} free in {folder}, and the sources take {_size(wanted)}"
        raise SinkError(text, "free some disk space, or choose another place with --to")


def _work(
    todo: Sequence[Job],
    tally: Tally,
    settings_of: Mapping[str, DreamSettings],
    requests: JobRequests,
    fault_of: Callable[[Job], str | None],
    free_bytes: Callable[[Path], int],
) -> int:
    """Dream the jobs, and return the exit code of the signal that stopped them, or 0."""
    make_dreamer = DreamerCache()
    valid: set[str] = set()
    """The usual presets whose settings are known to be valid."""
    began = time.monotonic()
    total = sum(job.bytes for job in todo)
    before = 0
    for number, job in enumerate(todo, 1):

        def of_all(share: float, number: int = number, job: Job = job, before: int = before) -> str:
            done = (before + share * job.bytes) / total if total else 0.0
            return overall_status(number, len(todo), done, time.monotonic() - began)

        log.info("%d of %d: %s", number, len(todo), job.source)
        reason = ""
        try:
            if number > 1:  # the earlier ones may have filled the disk
                folder = Path(job.target).parent
                _refuse_full(_free_space(folder, free_bytes), job.bytes, folder)
            code = dream(job.source, requests.of(job), make_dreamer=make_dreamer, of_all=of_all)
            if code:
                if fault_of(job) == "":  # stopped after its last frame
                    tally.remaining.remove(job)
                    tally.done.append(job)
                return code
            valid.add(job.look)
        except Exception as error:  # the batch continues, whatever it is
            if isinstance(error, DeviceError | WeightsError) and not is_out_of_memory(error):
                raise  # it concerns all sources
            reason = say_fault(error).message
            if not isinstance(error, LivedreamError | ArgumentError):
                make_dreamer.forget()  # its state is unknown
            if isinstance(error, ArgumentError) and job.look not in valid:
                make_dreamer.check(settings_of[job.look])
                valid.add(job.look)
        tally.remaining.remove(job)
        if reason:
            tally.failed.append((job, reason))
        else:
            tally.done.append(job)
        before += job.bytes
    return 0


class DreamerCache:
    """Makes dreamers, and reuses the last one for the same settings, so that its network is loaded once."""

    def __init__(self) -> None:
        self._last: Dreamer | None = None

    def __call__(self, settings: DreamSettings) -> "Dreamer":
        if self._last is None or self._last.settings != settings:
            self._last = new_dreamer(settings)
        self._last.reset()
        return self._last

    def check(self, settings: DreamSettings) -> None:
        """Raise ArgumentError for settings that are wrong for every source, such as an unknown layer."""
        self(settings).ascent_for(settings)

    def forget(self) -> None:
        """Make a new dreamer the next time."""
        self._last = None


def _sum_up(tally: Tally, total: int) -> None:
    counts = {
        "done": len(tally.done),
        "skipped": len(tally.skipped),
        "failed": len(tally.failed),
        "not done": len(tally.remaining),
    }
    say(f"{total} in all: {', '.join(f'{count} {what}' for what, count in counts.items() if count)}")
    for job, reason in tally.failed:
        say(f"failed: {reason}" if job.source in reason else f"failed: {job.source}: {reason}")
    for job in tally.remaining:
        say(f"not done: {job.source}")


def _size(count: int) -> str:
    """`3.2 GB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
