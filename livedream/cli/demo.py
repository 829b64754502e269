"""`livedream demo`: see it work, without a camera or a film at hand."""

from pathlib import Path

import click

from livedream.cli.asked import parse_tour
from livedream.cli.options import tour_option
from livedream.cli.request import Request
from livedream.cli.streams import stdout_left_to

DEFAULT = "dream.mp4"


@click.command(short_help="Dream the film that comes with livedream.")
@click.option("--to", "sink", metavar="FILE", help=f"where the dream goes [default {DEFAULT}]")
@click.option(
    "--overwrite", is_flag=True, help=f"replace a file that is there already; {DEFAULT} of an earlier demo always is"
)
def demo(sink: str | None, overwrite: bool, tour: str | None) -> int:
    """Dream the film that comes with livedream into a file, and into a window where there is a display."""
    from livedream.capture.demo import demo_clip
    from livedream.cli.dreaming import dream
    from livedream.sink.names import part_of

    seconds = None if tour is None else parse_tour(tour)
    if sink is None and not overwrite:
        there = [path for path in (Path(DEFAULT), part_of(Path(DEFAULT))) if path.exists() and path.stat().st_size]
        overwrite = all(map(is_of_demo, there))
    click.get_current_context().with_resource(stdout_left_to([sink or DEFAULT]))
    return dream(str(demo_clip), Request(sinks=(sink or DEFAULT, *_window()), overwrite=overwrite, tour=seconds))


demo.params.append(tour_option())


def is_of_demo(path: Path) -> bool:
    """Return whether the film `path` is a dream of the clip that comes with livedream."""
    from livedream.capture.carried import carried_recipe
    from livedream.capture.demo import demo_clip
    from livedream.errors import ArgumentError, SourceError
    from livedream.recipe import about, fingerprint

    try:
        return about(carried_recipe(path)).get("fingerprint") == fingerprint([demo_clip])
    except (ArgumentError, SourceError):
        return False


def _window() -> list[str]:
    from livedream.cli.output import remark
    from livedream.errors import SinkError
    from livedream.sink.sink import open_sink

    try:
        open_sink("window").close()  # it only appears with its first frame
    except SinkError as error:
        remark(f"no window: {error}")
        return []
    return ["window"]
