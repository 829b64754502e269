"""`livedream plan`: cut films into shards for many machines."""

from fractions import Fraction
from typing import Any

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.parsing import control_options, given_controls, output_option, overwrite_option, parse_length
from livedream.cli.progress_option import progress_option
from livedream.errors import ArgumentError
from livedream.presets import FILM
from livedream.settings import CONTROLS
from livedream.sink.video.codecs import CODECS, QUALITY, Encoding

EXAMPLES = (
    ("plan two films", "livedream plan first.mp4 second.mkv --to dreams"),
    ("dream the first of four shards, on any machine", "livedream run --manifest dreams/manifest.toml --shard 1/4"),
    ("when all are there: dreams/first-dream.mp4 and dreams/second-dream.mp4", "livedream join dreams/manifest.toml"),
    (
        "lossless, in shards of about five minutes",
        'livedream plan films/ --to "dreams/*.mkv" --codec ffv1 --seconds 5m',
    ),
)
CONTROL_NAMES = tuple(control.name for control in CONTROLS if control.only != "pictures")


@click.command(
    cls=GroupedCommand,
    groups=groups_with(Shards=("--seconds", "--warm-up", "--threads", "--mixed")),
    examples=EXAMPLES,
    short_help="Cut films into shards that many machines dream.",
)
@click.argument("films", metavar="FILM...", nargs=-1, required=True)
@output_option("FOLDER", "Folder, pattern such as out/*.mkv, or address such as s3://bucket/out [required]")
@click.option("--preset", metavar="NAME", default=FILM, help=f"Look, as for run [default: {FILM}]")
@click.option("--codec", metavar="NAME", default="auto", help=f"{', '.join(CODECS)} [default: by type of file]")
@click.option("--quality", metavar="0-100", type=int, help=f"Quality of the videos [default: {QUALITY}]")
@click.option("--seconds", metavar="TIME", default="60", help="Wanted length of a shard [default: 60s]")
@click.option(
    *("--warm-up", "warm_up"),
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=0,
    help="Divide scenes too; dream N frames ahead of such a shard. Not bit-identical [default: 0, whole scenes]",
)
@click.option("--threads", metavar="N", type=click.IntRange(1, 1024), default=1, help="Of each worker [default: 1]")
@click.option("--mixed", is_flag=True, help="Let machines differ in versions and processor. Not bit-identical")
@overwrite_option("Replace another plan")
def plan(
    films: tuple[str, ...],
    sink: str | None,
    preset: str,
    codec: str,
    quality: int | None,
    seconds: str,
    warm_up: int,
    threads: int,
    mixed: bool,
    overwrite: bool,
    **controls: Any,
) -> int:
    """Read each FILM once, find its scenes, and write FOLDER/manifest.toml with shards of whole scenes.

    A dream forgets at a cut, so shards that are dreamt anywhere, by `livedream run --manifest`, and joined are the film
    of a single run, frame by frame.
    """
    if sink is None:
        raise ArgumentError("where is the plan to be written?", "name a folder: --to dreams")
    from livedream.cli.tasks.recipes import choose_settings

    settings = choose_settings(preset, given_controls(controls))
    length = parse_length(seconds)
    from livedream.cli.tasks.loading import load_torch

    load_torch()
    from livedream.cli.tasks.shards import films_and_folder, plan_into
    from livedream.farm.planning import PlanRequest
    from livedream.farm.store import local_folder

    named, folder = films_and_folder(films, sink)
    request = PlanRequest(
        films=named,
        settings=settings,
        encoding=Encoding(codec=codec, quality=quality),
        seconds=Fraction(length),
        threads=threads,
        warm_up=warm_up,
        mixed=mixed,
        folder=local_folder(folder),
    )
    plan_into(folder, request, overwrite=overwrite)
    return 0


plan.params += [progress_option(), *control_options(CONTROL_NAMES, presets=(FILM,))]
