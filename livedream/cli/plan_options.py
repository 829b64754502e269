"""The options of commands that plan films: `livedream plan` and `livedream farm`."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import click

from livedream.cli.parsing import control_options, given_controls, output_option, overwrite_option, parse_length
from livedream.cli.progress_option import progress_option
from livedream.presets import FILM
from livedream.settings import CONTROLS
from livedream.sink.video.codecs import CODECS, QUALITY, Encoding

SHARD_OPTIONS = ("--seconds", "--warm-up", "--threads", "--mixed")
_CONTROLS = tuple(control.name for control in CONTROLS if control.only != "pictures")
Command = Callable[..., Any]


def plan_options(command: Command) -> Command:
    """Add the options, except those that `last_options` returns."""
    for add in (
        overwrite_option(),
        click.option("--mixed", is_flag=True, help="Let machines differ in versions and processor. Not bit-identical"),
        click.option(
            "--threads", metavar="N", type=click.IntRange(1, 1024), default=1, help="Of each worker [default: 1]"
        ),
        click.option(
            *("--warm-up", "warm_up"),
            metavar="N",
            type=click.IntRange(0, 100_000),
            default=0,
            help="Divide scenes too; dream N frames ahead of such a shard. Not bit-identical [default: 0]",
        ),
        click.option("--seconds", metavar="TIME", default="60", help="Wanted length of a shard [default: 60s]"),
        click.option("--quality", metavar="0-100", type=int, help=f"Quality of the videos [default: {QUALITY}]"),
        click.option("--codec", metavar="NAME", default="auto", help=f"{', '.join(CODECS)} [default: by type of file]"),
        click.option("--preset", metavar="NAME", default=FILM, help=f"Look, as for run [default: {FILM}]"),
        output_option("FOLDER", "Folder, pattern such as out/*.mkv, or address such as s3://bucket/out [required]"),
    ):
        command = add(command)
    return command


def last_options() -> list[click.Parameter]:
    """Return the options that come last in the help: the progress and the controls."""
    return [progress_option(), *control_options(_CONTROLS, presets=(FILM,))]


def plan_request(films: Sequence[str], to: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return the request for `plan_into`, and the folder of the manifest.

    Args:
        films: as they are given.
        to: where the manifest is to be written.
        options: the values of the options by name.

    Raises ArgumentError, SourceError.
    """
    from livedream.cli.tasks.recipes import choose_settings

    settings = choose_settings(options["preset"], given_controls(options))
    seconds = parse_length(options["seconds"])
    from livedream.cli.tasks.loading import load_torch

    load_torch()
    from livedream.cli.tasks.shards import films_and_folder
    from livedream.farm.planning import PlanRequest
    from livedream.farm.store import local_folder

    named, folder = films_and_folder(films, to)
    request = PlanRequest(
        films=named,
        settings=settings,
        encoding=Encoding(codec=options["codec"], quality=options["quality"]),
        seconds=Fraction(seconds),
        threads=options["threads"],
        warm_up=options["warm_up"],
        mixed=options["mixed"],
        folder=local_folder(folder),
    )
    return request, folder
