"""`livedream farm`: dream many films with many workers."""

from typing import Any

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.plan_options import SHARD_OPTIONS, last_options, plan_options, plan_request
from livedream.errors import ArgumentError

EXAMPLES = (
    ("all films of a folder, on all cores of this machine", "livedream farm films/ --to dreams"),
    (
        "on a cluster of Ray, from a bucket to a bucket",
        "livedream farm s3://in/film.mp4 --to s3://out --address ray:6379",
    ),
    (
        "how long it will take, and what it will cost",
        "livedream farm films/ --to dreams --dry-run --cost-per-hour 0.04",
    ),
    ("go on with a plan", "livedream farm dreams/manifest.toml"),
)


@click.command(
    cls=GroupedCommand,
    groups=groups_with(
        Workers=("--address", "--workers", "--dry-run", "--cost-per-hour"),
        Shards=SHARD_OPTIONS,
    ),
    examples=EXAMPLES,
    short_help="Dream many films with many workers, on this machine or a cluster.",
)
@click.argument("films", metavar="FILM...", nargs=-1, required=True)
@click.option(
    "--address", metavar="ADDRESS", help="Cluster of Ray: HOST:6379, ray://HOST:10001 [default: this machine]"
)
@click.option("--workers", metavar="N", type=click.IntRange(1, 100_000), help="At most [default: one per core or GPU]")
@click.option("--dry-run", is_flag=True, help="Only plan, measure, and print what time and disk it will take")
@click.option("--cost-per-hour", metavar="N", type=click.FloatRange(0), help="Of one worker, for --dry-run")
@plan_options
def farm(
    films: tuple[str, ...],
    sink: str | None,
    overwrite: bool,
    address: str | None,
    workers: int | None,
    dry_run: bool,
    cost_per_hour: float | None,
    **options: Any,
) -> int:
    """Plan each FILM as `livedream plan` does, dream all shards with workers on Ray, and join them. FILM may also be a
    manifest that exists.

    It may be stopped or killed at any time: the same command continues it.
    """
    is_planned = len(films) == 1 and films[0].endswith(".toml")
    if is_planned and sink is not None:
        raise ArgumentError("a manifest says where its films are written", "leave out --to")
    if not is_planned and sink is None:
        raise ArgumentError("where are the films to be written?", "name a folder: --to dreams")
    if cost_per_hour is not None and not dry_run:
        raise ArgumentError("--cost-per-hour has no effect without --dry-run", "add --dry-run")
    from livedream.cli.tasks.farm import dream_farm, dry
    from livedream.cli.tasks.shards import plan_into
    from livedream.farm.crew import require_ray
    from livedream.farm.workspace import open_workspace

    if sink is None:
        work = open_workspace(films[0])
    else:
        if not dry_run:
            require_ray()  # before a plan, which may take hours
        request, folder = plan_request(films, sink, options)
        work = plan_into(folder, request, overwrite=overwrite)
    if dry_run:
        return dry(work, workers, cost_per_hour)
    return dream_farm(work, address=address, workers=workers, overwrite=overwrite)


farm.params += last_options()
