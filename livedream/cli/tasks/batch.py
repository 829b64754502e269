"""Many sources, one after the other, with one network."""

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
from livedream.cli.tasks.recipes import choose_settings, ingredients, new_dreamer, recipe_options
from livedream.cli.tasks.request import Request
from livedream.errors import ArgumentError, DeviceError, LivedreamError, SinkError, WeightsError
from livedream.faults import is_out_of_memory
from livedream.presets import FILM, STILL
from livedream.recipe import Fact, Recipe, fingerprint
from livedream.settings import DreamSettings
from livedream.sink.names import part_of
from livedream.sink.video.codecs import VIDEO_SUFFIXES, find_encoders
from livedream.steps import StepReport

if TYPE_CHECKING:
    from livedream.dream.dreamer import Dreamer


log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What became of the jobs."""

    done: list[Job] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    """With the reason."""
    left: list[Job] = field(default_factory=list)
    """Cut off, or not begun, when somebody stopped the batch."""


class Options:
    """What is asked of all jobs, and which of it each can use.

    An option that no job can use is wrong, and one that some can use is left out for the others; `warn` says both once.

    Raises ArgumentError.
    """

    def __init__(self, jobs: Sequence[Job], request: Request) -> None:
        self._request = request
        self._places = [_place(job) for job in jobs]
        refuse_useless(request, self._places)
        for suffix in {Path(job.target).suffix.lower() for job in jobs} & set(VIDEO_SUFFIXES):
            find_encoders(suffix, request.encoding)

    def warn(self) -> None:
        """Say which options and controls some or all of the jobs cannot use."""
        warn_of_partly_useless(self._request, self._places)
        warn_of_useless_controls(self._request.controls, self._places)

    def of(self, job: Job) -> Request:
        """Return the request for `job`."""
        goes_on = self._request.resume and part_of(Path(job.target)).exists()
        return replace(without_useless(self._request, _place(job)), sinks=(job.target,), resume=goes_on)

    def in_recipe(self, job: Job) -> Mapping[str, Fact]:
        """Return what the recipe of `job` says of them."""
        return recipe_options(self.of(job))


def _place(job: Job) -> Place:
    return Place(job.source, Kind.PICTURE if job.stills else Kind.FILM, [job.target])


def batch(
    specs: Sequence[str],
    request: Request,
    *,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> int:
    """Dream every source that `specs` mean, and return the exit code: 1 when one of them failed.

    What is there already by the same recipe is skipped, also with `--overwrite`. Whatever goes wrong with one source
    is reported, counted, and the others go on; what is wrong for all of them ends the batch. An option that only some
    of the sources can use is applied to those.

    request: names at most one sink, see `plan`; `resume` goes on with the film at which an earlier batch was cut off.
    free_bytes: returns how much room there is in a folder.
    Raises ArgumentError, SinkError when there is clearly too little room, DeviceError and WeightsError.
    """
    if len(request.sinks) > 1:
        raise ArgumentError("several sources take one --to", "name a folder (out/), or a pattern (out/*.mkv)")
    looks = {usual: choose_settings(request.preset or usual, request.controls) for usual in (FILM, STILL)}
    with Activity("looking for the sources", delay=QUICK_SECONDS):
        jobs = plan(specs, *request.sinks)
    options = Options(jobs, request)
    # What no source can be dreamt without is asked for here, once.
    needs = {look: ingredients(looks[look]) for look in {job.look for job in jobs}}
    tally = Tally(left=list(jobs))
    with stopping():
        try:
            fault_of = partial(_fault, looks=looks, needs=needs, options=options)
            with Activity("reading the sources", delay=QUICK_SECONDS) as shown:
                faults = []
                for number, job in enumerate(jobs, 1):
                    faults.append(fault_of(job))
                    done = StepReport("reading the sources", number, len(jobs), "sources", number / len(jobs))
                    shown.step(done)
            todo = _sort_out(jobs, faults, tally, request.overwrite)
            _check_room(todo, free_bytes)
            options.warn()
            code = _work(todo, tally, looks, options, fault_of, free_bytes)
        except Stopped as stopped:
            code = stopped.exit_code
    _sum_up(tally, many=len(jobs))
    return code or (1 if tally.failed else 0)


def _sort_out(
    jobs: Sequence[Job],
    faults: Sequence[str | None],
    tally: Tally,
    overwrite: bool,
) -> list[Job]:
    """Say what there is to do, and return it. faults: what is in the way of each job, see `hindrance`."""
    todo: list[Job] = []
    rows: list[tuple[str, ...]] = []
    for number, (job, fault) in enumerate(zip(jobs, faults, strict=True), 1):
        note = ""
        if fault == "":
            tally.left.remove(job)
            tally.skipped.append(job)
            note = "(done before)"
        elif fault and not overwrite:
            tally.left.remove(job)
            tally.failed.append((job, f"{fault} (--overwrite replaces it)"))
            note = "(in the way)"
        else:
            todo.append(job)
        rows.append((f"{number:>{len(str(len(jobs)))}}", job.source, "->", job.target, note))
    say(f"{len(jobs)} to dream:" if len(todo) == len(jobs) else f"{len(todo)} of {len(jobs)} to dream:")
    say_table(rows)
    return todo


def _fault(job: Job, *, looks: Mapping[str, DreamSettings], needs: Mapping[str, str], options: Options) -> str | None:
    """Return what is in the way of a job: "" when it is done already. needs: the ingredients of the looks."""
    try:
        recipe = Recipe(
            settings=looks[job.look],
            fingerprint=fingerprint(job.files),
            ingredients=needs[job.look],
            options=options.in_recipe(job),
        )
        return hindrance(job, recipe, carries=options.of(job).recipe)
    except Exception as error:  # of this source alone: it will be said when its turn comes
        log.debug("%s", job.source, exc_info=error)
        return None


def _check_room(jobs: Sequence[Job], free_bytes: Callable[[Path], int]) -> None:
    """Make the folder, say how much room there is and how much is wanted. Raises SinkError when that is too little."""
    if not jobs:
        return
    folder = Path(jobs[0].target).parent
    make_folder(folder)
    free = _free(folder, free_bytes)
    sources = sum(job.bytes for job in jobs)
    remark(
        f"room: the sources have {_size(sources)}, and a dream is seldom smaller; {_size(free)} are free in {folder}"
    )
    _compare(free, sources, folder)


def _free(folder: Path, free_bytes: Callable[[Path], int]) -> int:
    try:
        return free_bytes(folder)
    except OSError as error:
        raise SinkError(f"{folder} cannot be read: {error.strerror}", "choose another place with --to") from error


def _compare(free: int, wanted: int, folder: Path) -> None:
    if free < wanted:
        cure = "make room, or choose another place with --to"
        raise SinkError(f"{_size(free)} free in {folder} are not enough for dreams of {_size(wanted)} of sources", cure)


def _work(
    todo: Sequence[Job],
    tally: Tally,
    looks: Mapping[str, DreamSettings],
    options: Options,
    fault_of: Callable[[Job], str | None],
    free_bytes: Callable[[Path], int],
) -> int:
    """Dream what is to be done and return the exit code of what stopped it, or 0."""
    make_dreamer = OneDreamer()
    sound: set[str] = set()
    """The looks that are known to be right in themselves."""
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
            if number > 1:  # the first ones may have filled the disk
                folder = Path(job.target).parent
                _compare(_free(folder, free_bytes), job.bytes, folder)
            code = dream(job.source, options.of(job), make_dreamer=make_dreamer, of_all=of_all)
            if code:
                if fault_of(job) == "":  # stopped, but after its last frame
                    tally.left.remove(job)
                    tally.done.append(job)
                return code
            sound.add(job.look)
        except Exception as error:  # whatever it is, the others go on
            if isinstance(error, DeviceError | WeightsError) and not is_out_of_memory(error):
                raise  # wrong for all of them
            reason = say_fault(error).message
            if not isinstance(error, LivedreamError | ArgumentError):
                make_dreamer.forget()  # nobody knows in which state it is
            if isinstance(error, ArgumentError) and job.look not in sound:
                make_dreamer.check(looks[job.look])
                sound.add(job.look)
        tally.left.remove(job)
        if reason:
            tally.failed.append((job, reason))
        else:
            tally.done.append(job)
        before += job.bytes
    return 0


class OneDreamer:
    """Makes dreamers, and gives the last one out again for the same settings, so that its network is loaded once."""

    def __init__(self) -> None:
        self._last: Dreamer | None = None

    def __call__(self, settings: DreamSettings) -> "Dreamer":
        if self._last is None or self._last.settings != settings:
            self._last = new_dreamer(settings)
        self._last.reset()
        return self._last

    def check(self, settings: DreamSettings) -> None:
        """Raise ArgumentError for settings that are wrong whatever is dreamt, such as a layer that does not exist."""
        self(settings).ascent_for(settings)

    def forget(self) -> None:
        """Make a new one the next time."""
        self._last = None


def _sum_up(tally: Tally, many: int) -> None:
    counts = {
        "done": len(tally.done),
        "skipped": len(tally.skipped),
        "failed": len(tally.failed),
        "not done": len(tally.left),
    }
    say(f"{many} in all: {', '.join(f'{count} {what}' for what, count in counts.items() if count)}")
    for job, reason in tally.failed:
        say(f"failed: {reason}" if job.source in reason else f"failed: {job.source}: {reason}")
    for job in tally.left:
        say(f"not done: {job.source}")


def _size(bytes: int) -> str:
    """`3.2 GB`."""
    for unit, many in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if bytes >= many:
            return f"{bytes / many:.1f} {unit}"
    return f"{bytes} bytes"
