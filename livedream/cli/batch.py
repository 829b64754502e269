"""Many sources, one after the other, with one network."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livedream.cli.dreaming import choose_settings, dream, ingredients, new_dreamer, recipe_options
from livedream.cli.jobs import Job, hindrance, plan
from livedream.cli.output import remark, say, say_error, say_table
from livedream.cli.progress import overall_status
from livedream.cli.stopping import Stopped, stopping
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.presets import FILM, STILL
from livedream.recipe import Fact, Recipe, fingerprint
from livedream.settings import DreamSettings
from livedream.sink.names import part_of

if TYPE_CHECKING:
    from livedream.dream.dreamer import Dreamer


@dataclass(slots=True)
class Tally:
    """What became of the jobs."""

    done: list[Job] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    """With the reason."""
    left: list[Job] = field(default_factory=list)
    """Cut off, or not begun, when somebody stopped the batch."""


def batch(
    specs: Sequence[str],
    sinks: Sequence[str] = (),
    *,
    preset: str | None = None,
    controls: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    **how: Any,
) -> int:
    """Dream every source that `specs` mean, and return the exit code: 1 when one of them failed.

    What is there already by the same recipe is skipped, whatever `overwrite` says. A source that cannot be read, or a
    dream that cannot be written, is reported, and the others go on; what is wrong for all of them ends the batch.

    sinks: at most one, see `plan`. resume: go on with the film that an earlier batch was cut off at. free_bytes:
        returns how much room there is in a folder. how: more for `dream`.
    Raises ArgumentError, SinkError when there is clearly too little room, DeviceError and WeightsError.
    """
    if len(sinks) > 1:
        raise ArgumentError("several sources take one --to", "name a folder (out/), or a pattern (out/*.mkv)")
    controls = controls or {}
    looks = {usual: choose_settings(preset or usual, controls) for usual in (FILM, STILL)}
    jobs = plan(specs, *sinks)
    if how.get("tour") is not None and any(job.stills for job in jobs):
        raise ArgumentError("a tour is for films, and some of these are pictures", "leave out --tour, or the pictures")
    tally = Tally(left=list(jobs))
    with stopping():
        try:
            todo = _sort_out(jobs, tally, looks, recipe_options(**how), overwrite)
            _check_room(todo, free_bytes)
            code = _work(todo, tally, resume, preset=preset, controls=controls, overwrite=overwrite, **how)
        except Stopped as stopped:
            code = stopped.exit_code
    _sum_up(tally, many=len(jobs))
    return code or (1 if tally.failed else 0)


def _sort_out(
    jobs: Sequence[Job],
    tally: Tally,
    looks: Mapping[str, DreamSettings],
    options: Mapping[str, Fact],
    overwrite: bool,
) -> list[Job]:
    """Say what there is to do, and return it."""
    todo: list[Job] = []
    rows: list[tuple[str, ...]] = []
    for number, job in enumerate(jobs, 1):
        note = ""
        try:
            settings = looks[job.look]
            recipe = Recipe(
                settings=settings,
                fingerprint=fingerprint(job.files),
                ingredients=ingredients(settings),
                options=options,
            )
            fault = hindrance(job, recipe)
        except SourceError:  # it will be said when its turn comes
            fault = None
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


def _check_room(jobs: Sequence[Job], free_bytes: Callable[[Path], int]) -> None:
    """Make the folder, say how much room there is and how much is wanted. Raises SinkError when that is too little."""
    if not jobs:
        return
    folder = Path(jobs[0].target).parent
    try:
        folder.mkdir(exist_ok=True)
        free = free_bytes(folder)
    except OSError as error:
        raise SinkError(f"{folder} cannot be made: {error.strerror}", "choose another place with --to") from error
    sources = sum(job.bytes for job in jobs)
    remark(
        f"room: the sources have {_size(sources)}, and a dream is seldom smaller; {_size(free)} are free in {folder}"
    )
    if free < sources:
        cure = "make room, or choose another place with --to"
        raise SinkError(
            f"{_size(free)} free in {folder} are too little for dreams of {_size(sources)} of sources", cure
        )


def _work(todo: Sequence[Job], tally: Tally, resume: bool, **how: Any) -> int:
    """Dream what is to be done, each as `dream` is told, and return the exit code of what stopped it, or 0."""
    make_dreamer = OneDreamer()
    began = time.monotonic()
    total = sum(job.bytes for job in todo)
    before = 0
    for number, job in enumerate(todo, 1):

        def of_all(share: float, number: int = number, job: Job = job, before: int = before) -> str:
            done = (before + share * job.bytes) / total if total else 0.0
            return overall_status(number, len(todo), done, time.monotonic() - began)

        reason = ""
        goes_on = resume and part_of(Path(job.target)).exists()
        try:
            code = dream(job.source, [job.target], resume=goes_on, make_dreamer=make_dreamer, of_all=of_all, **how)
            if code:
                return code
        except (SourceError, SinkError, ArgumentError) as error:
            if isinstance(error, ArgumentError) and not goes_on:
                raise  # wrong for all of them
            reason = str(error)
            say_error(reason, error.hint)
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
