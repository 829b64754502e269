"""`livedream zoom`: the endless dive into a picture."""

import re
from pathlib import Path

import click

from livedream.cli.activity import load_torch
from livedream.cli.asked import parse_rate
from livedream.cli.moment import parse_moment
from livedream.cli.options import control_options, given_controls
from livedream.cli.streams import stdout_left_to
from livedream.errors import ArgumentError
from livedream.printable import quoted_value

PRESET = "dive"
_DRIFT = re.compile(r"\s*(-?\d{1,4}(?:\.\d{1,99})?)\s*,\s*(-?\d{1,4}(?:\.\d{1,99})?)\s*", re.ASCII)


@click.command(
    epilog="A control that is not given is as the preset has it. still_height is the height of the film; what a dive "
    "has no use for, as keep and strength, is of no effect.",
    short_help="Dive endlessly into a picture, as a film.",
)
@click.argument("photo", metavar="PHOTO")
@click.option(
    "--to",
    "sink",
    metavar="SINK",
    help="a film (dive.mp4, dive.gif), a folder for a picture each (frames/), window, - (Y4M on standard output) "
    "[default PHOTO-dive.mp4]",
)
@click.option("--preset", metavar="NAME", default=PRESET, help=f"a look, as for run [default {PRESET}]")
@click.option("--length", metavar="TIME", default="20", help="seconds, or minutes:seconds [default 20]")
@click.option("--fps", metavar="N", default="30", help="frames per second [default 30]")
@click.option(
    "--drift", metavar="X,Y", default="0,0", help="pixels to the right and down from frame to frame [default 0,0]"
)
@click.option("--overwrite", is_flag=True, help="replace a film that is there already")
def zoom(
    photo: str,
    sink: str | None,
    preset: str,
    length: str,
    fps: str,
    drift: str,
    overwrite: bool,
    **controls: str | None,
) -> int:
    """Dive into PHOTO: each frame is the one before, a little nearer (--zoom) and turned (--rotate), dreamt again.

    It is dreamt at the full size of the frame, so that there is always something to see, however far it goes.
    """
    load_torch()
    from livedream.cli.diving import dive
    from livedream.names import fitting

    target = sink or fitting(Path(photo).stem, "-dive.mp4")
    click.get_current_context().with_resource(stdout_left_to([target]))
    return dive(
        photo,
        target,
        preset=preset,
        controls=given_controls(controls),
        rate=parse_rate(fps),
        seconds=parse_moment(length),
        drift=parse_drift(drift),
        overwrite=overwrite,
    )


def parse_drift(text: str) -> tuple[float, float]:
    """Return (right, down) in pixels. Raises ArgumentError."""
    found = _DRIFT.fullmatch(text)
    if not found:
        raise ArgumentError(f"{quoted_value(text)} is no drift", "give pixels to the right and down: 0.5,-1")
    return float(found[1]), float(found[2])


zoom.params += control_options()
