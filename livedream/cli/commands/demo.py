"""`livedream demo`: dream the bundled video, without a camera or a video of your own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from livedream.cli.help import GroupedCommand
from livedream.cli.parsing import (
    MOVING,
    control_options,
    given_controls,
    output_option,
    overwrite_option,
    parse_length,
    parse_tour,
    tour_option,
)
from livedream.cli.playback_options import PlaybackOptions
from livedream.cli.recipe_option import no_recipe_option
from livedream.cli.streams import stdout_left_to
from livedream.cli.tasks.request import Request
from livedream.cli.window_options import take_placement, window_options
from livedream.presets import FILM
from livedream.sink.window.placement import Placement

DEFAULT = "dream.mp4"
ROUNDS = 3
"""How often the clip is played. It lasts five seconds and shows a still scene, so the dream keeps growing when the clip
starts again. After one round there are faces, after three there are animals with legs."""
EXAMPLES = (
    ("sixteen seconds into dream.mp4, and into a window if there is a display", "livedream demo"),
    ("the same in another look", "livedream demo --preset coral -o coral.mp4"),
)


@click.command(cls=GroupedCommand, examples=EXAMPLES, short_help="Dream the bundled demo video.")
@output_option("FILE", f"Output file [default: {DEFAULT}]")
@overwrite_option(f"Replace an existing file; {DEFAULT} of an earlier demo is always replaced")
@click.option("--resume", is_flag=True, help="Continue an interrupted demo")
@click.option("-t", "--duration", metavar="TIME", help=f"Length of the dream [default: {ROUNDS} rounds of the video]")
@click.option("--preset", metavar="NAME", help=f"Look: a name from livedream presets, or a file [default: {FILM}]")
def demo(
    sink: str | None,
    overwrite: bool,
    resume: bool,
    duration: str | None,
    preset: str | None,
    tour: str | None,
    no_recipe: bool,
    **controls: Any,
) -> int:
    """Dream the bundled demo video into a file, and into a window if there is a display."""
    from livedream.capture.demo import demo_clip
    from livedream.cli.tasks.dream import dream
    from livedream.sink.names import part_of
    from livedream.sink.open import WINDOW

    if sink is None and not overwrite:
        there = [path for path in (Path(DEFAULT), part_of(Path(DEFAULT))) if path.exists() and path.stat().st_size]
        overwrite = all(map(is_of_demo, there))
    target = sink or DEFAULT
    placement = take_placement(controls)
    click.get_current_context().with_resource(stdout_left_to([target]))
    request = Request(
        sinks=(target,),
        preset=preset,
        controls=given_controls(controls),
        duration=None if duration is None else parse_length(duration),
        tour=None if tour is None else parse_tour(tour),
        overwrite=overwrite,
        recipe=not no_recipe,
        resume=resume,
        playback=PlaybackOptions(loop=True, rounds=None if duration else ROUNDS),
        placement=placement,
    )
    if target != WINDOW and _has_window(placement):
        request = replace(request, sinks=(target, WINDOW))
    return dream(str(demo_clip), request)


demo.params += [tour_option(), *window_options(), no_recipe_option(), *control_options(MOVING, presets=(FILM,))]


def is_of_demo(path: Path) -> bool:
    """Return whether the video `path` is a dream of the demo clip."""
    from livedream.capture.demo import demo_clip
    from livedream.capture.embedded_recipe import embedded_recipe
    from livedream.errors import ArgumentError, SourceError
    from livedream.recipe import about, fingerprint

    try:
        return about(embedded_recipe(path)).get("fingerprint") == fingerprint([demo_clip])
    except (ArgumentError, SourceError):
        return False


def _has_window(placement: Placement | None) -> bool:
    """Return whether a window can be opened. If not, and `placement` asks for one, raise SinkError."""
    from livedream.cli.console import remark
    from livedream.errors import SinkError
    from livedream.sink.open import WINDOW, open_sink

    try:
        open_sink(WINDOW, placement=placement).close()  # a window appears only with its first frame
    except SinkError as error:
        if placement is not None:
            raise
        remark(f"no window: {error}")
        return False
    return True
