"""`livedream zoom`: an endless dive into a picture."""

import re
from pathlib import Path
from typing import Any

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.parsing import (
    control_options,
    given_controls,
    output_option,
    overwrite_option,
    parse_length,
    parse_rate,
)
from livedream.cli.recipe_option import no_recipe_option
from livedream.cli.streams import stdout_left_to
from livedream.cli.tasks.loading import load_torch
from livedream.cli.window_options import take_placement, window_options
from livedream.errors import ArgumentError
from livedream.printable import quoted_value

PRESET = "dive"
_DRIFT = re.compile(r"\s*(-?\d{1,4}(?:\.\d{1,99})?)\s*,\s*(-?\d{1,4}(?:\.\d{1,99})?)\s*", re.ASCII)


USED = (
    *("model", "weights", "layers", "steps", "step_size", "octaves", "octave_scale", "jitter", "still_height", "zoom"),
    *("rotate", "natural_color", "coarseness", "pooling", "seed", "device", "precision"),
)
"""The controls that have an effect on a dive; still_height is the height of the frames."""
EXAMPLES = (
    ("twenty seconds: photo-dive.mp4", "livedream zoom photo.jpg"),
    ("a minute, faster and turning, as a GIF", "livedream zoom photo.jpg -t 1m --zoom 1.02 --rotate 0.5 -o dive.gif"),
)


@click.command(
    cls=GroupedCommand,
    groups=groups_with(Source=("--duration", "--fps", "--drift")),
    examples=EXAMPLES,
    short_help="Dive endlessly into a picture, as a video.",
)
@click.argument("photo", metavar="PHOTO")
@output_option(
    "SINK", "Video, .gif, folder/ of pictures, window, or - for Y4M on standard output [default: PHOTO-dive.mp4]"
)
@click.option("--preset", metavar="NAME", default=PRESET, help=f"Look, as for run [default: {PRESET}]")
@click.option(
    "-t", "--duration", "--length", "length", metavar="TIME", default="20", help="Length of the video [default: 20s]"
)
@click.option("--fps", metavar="N", default="30", help="Frames per second [default: 30]")
@click.option("--drift", metavar="X,Y", default="0,0", help="Pixels to the right and down per frame [default: 0,0]")
@overwrite_option()
def zoom(
    photo: str,
    sink: str | None,
    preset: str,
    length: str,
    fps: str,
    drift: str,
    overwrite: bool,
    no_recipe: bool,
    **controls: Any,
) -> int:
    """Dive into PHOTO: each frame is the previous one, magnified a little (--zoom), turned (--rotate) and dreamt again
    at full size, so the dive stays sharp however far it goes.
    """
    load_torch()
    from livedream.cli.tasks.dive import DiveRequest, dive
    from livedream.names import fitting

    placement = take_placement(controls)
    target = sink or fitting(Path(photo).stem, "-dive.mp4")
    click.get_current_context().with_resource(stdout_left_to([target]))
    return dive(
        DiveRequest(
            photo=photo,
            sink=target,
            preset=preset,
            controls=given_controls(controls),
            rate=parse_rate(fps),
            seconds=parse_length(length),
            drift=parse_drift(drift),
            overwrite=overwrite,
            placement=placement,
            recipe=not no_recipe,
        )
    )


def parse_drift(text: str) -> tuple[float, float]:
    """Return (right, down) in pixels. Raises ArgumentError."""
    found = _DRIFT.fullmatch(text)
    if not found:
        raise ArgumentError(
            f"invalid drift {quoted_value(text)}: expected X,Y", "give pixels to the right and down, for example 0.5,-1"
        )
    return float(found[1]), float(found[2])


zoom.params += [*window_options(), no_recipe_option(), *control_options(USED, presets=(PRESET,))]
