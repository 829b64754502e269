"""`livedream demo`: see it work, without a camera or a film at hand."""

import click

from livedream.cli.asked import parse_tour
from livedream.cli.options import tour_option

DEFAULT = "dream.mp4"


@click.command(short_help="Dream the film that comes with livedream.")
@click.option("--to", "sink", metavar="FILE", help=f"where the dream goes [default {DEFAULT}, which is replaced]")
def demo(sink: str | None, tour: str | None) -> int:
    """Dream the film that comes with livedream into a file, and into a window where there is a display."""
    from livedream.capture.demo import demo_clip
    from livedream.cli.dreaming import dream

    seconds = None if tour is None else parse_tour(tour)
    return dream(str(demo_clip), [sink or DEFAULT, *_window()], overwrite=sink is None, tour=seconds)


demo.params.append(tour_option())


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
