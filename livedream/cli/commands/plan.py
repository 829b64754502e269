"""`livedream plan`: cut films into shards for many machines."""

from typing import Any

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.plan_options import SHARD_OPTIONS, last_options, plan_options, plan_request
from livedream.errors import ArgumentError

EXAMPLES = (
    ("two films: dreams/first-dream.mp4 and the like", "livedream plan first.mp4 second.mkv --to dreams"),
    ("lossless, in longer shards", 'livedream plan films/ --to "dreams/*.mkv" --codec ffv1 --seconds 5m'),
)


@click.command(
    cls=GroupedCommand,
    groups=groups_with(Shards=SHARD_OPTIONS),
    examples=EXAMPLES,
    short_help="Cut films into shards that many machines dream.",
)
@click.argument("films", metavar="FILM...", nargs=-1, required=True)
@plan_options
def plan(films: tuple[str, ...], sink: str | None, overwrite: bool, **options: Any) -> int:
    """Read each FILM once, find its scenes, and write FOLDER/manifest.toml with shards of whole scenes.

    Then, on any machines: livedream run --manifest FOLDER/manifest.toml --shard 1/40, and so on; at the end: livedream
    join FOLDER/manifest.toml. `livedream farm` does all of it.

    A dream forgets at a cut, so shards that are dreamt anywhere, by `livedream run --manifest`, and joined are the film
    of a single run, frame by frame.
    """
    if sink is None:
        raise ArgumentError("where is the plan to be written?", "name a folder: --to dreams")
    request, folder = plan_request(films, sink, options)
    from livedream.cli.tasks.shards import plan_into

    plan_into(folder, request, overwrite=overwrite)
    return 0


plan.params += last_options()
