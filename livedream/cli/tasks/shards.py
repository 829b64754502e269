"""Plans films, dreams their shards and joins them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from livedream.cli.activity import Activity
from livedream.cli.console import remark, say, say_fault
from livedream.cli.progress import Progress, counted, elapsed
from livedream.cli.signals import Stopped, stopping
from livedream.cli.tasks.batch_plan import USUAL, plan
from livedream.cli.tasks.loading import load_torch
from livedream.errors import ArgumentError, LivedreamError, SinkError, SourceError
from livedream.farm.manifest import Film, Manifest
from livedream.farm.planning import PlanRequest, plan_films
from livedream.farm.receipt import Receipt
from livedream.farm.store import Store, is_address
from livedream.farm.workspace import NAME, Workspace, open_workspace, parse_shard
from livedream.names import fitting
from livedream.pipeline import Report
from livedream.steps import StepReport
from livedream.urls import redact

_VARIABLES = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN"),
    ("JOB_COMPLETION_INDEX", ""),
    ("AWS_BATCH_JOB_ARRAY_INDEX", ""),
)
"""The variables with the number of a task in an array of tasks, and with the lowest number.

Kubernetes and AWS count from 0 on. Slurm lets the user choose: an array that begins with 1 or later counts from 1 on,
also when only tasks that failed are repeated, as in --array=7,9.
"""


def films_and_folder(specs: Sequence[str], to: str) -> tuple[list[tuple[str, str]], str]:
    """Return each film with the name of its result, and the folder or address of the manifest.

    Args:
        specs: videos, folders, patterns and addresses.
        to: a folder, or a pattern such as folder/*.mkv.

    Raises:
        ArgumentError: there is a picture among them, or names are wrong.
        SourceError: there is nothing to dream.
    """
    folder, _, last = to.rpartition("/")
    folder, pattern = (folder or ".", last) if "*" in last else (to, USUAL)
    remote = [spec for spec in specs if is_address(spec)]
    local = [spec for spec in specs if not is_address(spec)]
    jobs = plan(local, str(Path(folder if not is_address(folder) else ".") / pattern)) if local else []
    for job in jobs:
        if not job.files:
            raise SourceError(f"{job.source} does not exist", "check the name")
        if job.stills or len(job.files) != 1:
            raise ArgumentError(f"{job.source} is not a video", "dream pictures with livedream run")
    before, _, after = pattern.partition("*")
    films = [(job.source, Path(job.target).name) for job in jobs]
    films += [(spec, fitting(before + PurePosixPath(spec).stem, after)) for spec in remote]
    folder = folder.rstrip("/") or "/"
    for spec, target in films:
        if f"{folder}/{target}" == spec:
            raise ArgumentError(f"{redact(spec)} would be replaced by its dream", "choose another --to")
    return films, folder


def plan_into(folder: str, request: PlanRequest, *, overwrite: bool) -> Workspace:
    """Write the manifest into a folder, and say what it holds.

    Raises SinkError if there is another manifest that may not be replaced.
    """
    load_torch()
    store = Store(folder)
    old = store.read(NAME)
    with stopping(), Activity("reading the films") as activity:
        read: dict[int, tuple[int, int]] = {}

        def on_film(number: int, done: int, total: int | None) -> None:
            read[number] = done, max(done, total or 0)
            counts = list(read.values())
            done, known = sum(count for count, _ in counts), sum(length for _, length in counts)
            activity.step(StepReport("finding scenes", done, known, "frames", done / known))

        manifest = plan_films(request, on_film)
    text = manifest.text().encode()
    if old is not None and old != text and not overwrite:
        message = f"{store.shown(NAME)} is another plan"
        raise SinkError(message, "choose another folder, or replace it with --overwrite; its shards stay")
    if old != text:
        store.write(NAME, text)
    work = Workspace(manifest, store)
    say(f"{store.shown(NAME)}: {describe(manifest)}")
    longest = max(manifest.shards, key=lambda shard: shard.frames)
    if not manifest.exact:
        remark("the result will not be that of a single run, bit for bit: " + _why_inexact(manifest))
    elif longest.frames > 4 * max(1, sum(shard.frames for shard in manifest.shards) // len(manifest.shards)):
        remark(f"shard {longest.number} has {longest.frames} frames without a cut; --warm-up divides it")
    return work


def describe(manifest: Manifest) -> str:
    """Return `2 films, 31 scenes, 12 shards, 5040 frames`."""
    scenes = sum(len(film.cuts) + 1 for film in manifest.films)
    frames = sum(film.frames for film in manifest.films)
    counts = ((len(manifest.films), "film"), (scenes, "scene"), (len(manifest.shards), "shard"), (frames, "frame"))
    return ", ".join(counted(count, noun) for count, noun in counts)


def _why_inexact(manifest: Manifest) -> str:
    if manifest.mixed:
        return "machines may differ"
    warmed = sum(shard.warm_up > 0 for shard in manifest.shards)
    return f"{counted(warmed, 'shard')} of {len(manifest.shards)} begin inside a scene"


def shard_number(given: str | None, count: int, environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of the shard to dream.

    Args:
        given: NUMBER/COUNT; None takes the number from the variables of Slurm, Kubernetes or AWS Batch.
        count: the number of shards.

    Raises ArgumentError.
    """
    if given is not None:
        return parse_shard(given, count)
    for name, first in _VARIABLES:
        if name in environment:
            try:
                number = int(environment[name]) + (int(environment.get(first) or 0) == 0)
            except ValueError as error:
                raise ArgumentError(f"{name} is not a number: {environment[name]}", "give --shard instead") from error
            return parse_shard(str(number), count)
    names = ", ".join(name for name, _ in _VARIABLES)
    raise ArgumentError("which shard is to be dreamt?", f"give --shard NUMBER/{count}, or set one of {names}")


def dream_shard(place: str, given: str | None) -> int:
    """Dream one shard of the manifest at `place`, and return the exit code. given: see `shard_number`."""
    load_torch()
    from livedream.farm.shard import ShardDreamer, receipt_of

    work = open_workspace(place)
    number = shard_number(given, len(work.manifest.shards))
    film, shard = work.manifest.shard(number)
    name = f"shard {number}/{len(work.manifest.shards)}"
    if receipt_of(work, number) is not None:
        say(f"{name} is complete: {work.store.shown(work.shard_file(film, shard))}")
        return 0
    say(f"{name}: frames {shard.first} to {shard.first + shard.frames - 1} of {film.source}")
    try:
        with (
            stopping() as stop,
            Progress(_Part(name, shard.frames)) as progress,
            ShardDreamer(work) as dreamer,
        ):
            stop.hold()

            def on_report(report: Report) -> None:
                progress(report)
                stop.check()

            receipt = dreamer.dream(number, on_report)
    except Stopped as stopped:
        remark(f"stopped; the same command continues {name}")
        return stopped.exit_code
    say(_done(name, receipt, work.store.shown(work.shard_file(film, shard))))
    return 0


class _Part:
    """What the progress of a shard shows."""

    live = stills = False

    def __init__(self, name: str, length: int) -> None:
        self.name = name
        self.length: int | None = length


def _done(name: str, receipt: Receipt, place: str) -> str:
    dreamt = receipt.frames - receipt.begun
    rate = f", {dreamt / receipt.seconds:.1f} fps" if receipt.seconds else ""
    return f"{name}: dreamt {counted(dreamt, 'frame')} in {elapsed(receipt.seconds)}{rate}; written: {place}"


def join(place: str, *, overwrite: bool) -> int:
    """Join all films of the manifest at `place`, and return the exit code. A film that fails does not stop the rest."""
    from livedream.farm.join import check_version, is_joined, join_film

    work = open_workspace(place)
    check_version(work.manifest)
    films = work.manifest.films
    failed = 0
    with stopping() as stop, Activity("checking the shards") as activity:
        stop.hold()
        for film in films:

            def on_frame(done: int, film: Film = film) -> None:
                stop.check()
                task = f"writing {film.target}" if done else f"checking the shards of {film.target}"
                activity.step(StepReport(task, done, film.frames if done else 0, "frames", done / film.frames))

            try:
                if not overwrite and is_joined(work, film):
                    say(f"{film.target} is complete")
                    continue
                join_film(work, film, overwrite=overwrite, on_frame=on_frame)
            except Stopped as stopped:
                remark(f"stopped: {film.target} is not complete")
                return stopped.exit_code
            except (LivedreamError, ArgumentError) as error:
                failed += 1
                say_fault(error)
                continue
            parts = f"{counted(film.frames, 'frame')} of {counted(len(film.shards), 'shard')}"
            say(f"written: {work.store.shown(film.target)} ({parts})")
    if failed and len(films) > 1:
        remark(f"{failed} of {counted(len(films), 'film')} could not be joined")
    return 1 if failed else 0
