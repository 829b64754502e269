"""`livedream visualize`: what layers and channels look for, drawn from noise."""

from pathlib import Path

import click

from livedream.cli.activity import load_torch
from livedream.cli.options import control_options, given_controls
from livedream.errors import ArgumentError

COUNTING = ("model", "weights", "pooling", "seed", "device", "precision")
"""The controls that count where no picture is given."""
CHANNELS = 8


@click.command(short_help="Draw what a layer or channel looks for, or the atlas of a network.")
@click.option(
    "--layer",
    "layers",
    metavar="TEXT",
    multiple=True,
    help="what to draw, as for run --layers: fire9:42, or fire9 for all its channels; may be repeated",
)
@click.option(
    "--atlas", is_flag=True, help="draw channels of every layer, on one sheet (atlas.png) and a page (index.html)"
)
@click.option(
    "--to",
    "target",
    metavar="FILE",
    help="a picture, of several layers a sheet, or a folder (name/) for a picture each [default a name after the "
    "layer; of an atlas the folder MODEL-atlas/]",
)
@click.option(
    "--size", metavar="N", type=int, default=160, help="width and height of a picture in pixels [default 160]"
)
@click.option("--steps", metavar="N", type=int, default=256, help="gradient steps of a picture [default 256]")
@click.option(
    "--channels", metavar="N", type=click.IntRange(1), help=f"of an atlas: how many of each layer [default {CHANNELS}]"
)
@click.option("--overwrite", is_flag=True, help="replace files that are there already")
def visualize(
    layers: tuple[str, ...],
    atlas: bool,
    target: str | None,
    size: int,
    steps: int,
    channels: int | None,
    overwrite: bool,
    **controls: str | None,
) -> int:
    """Draw from noise what excites a layer, a channel or a sum of them most.

    An atlas that was cut off goes on where it was: pictures that are there already, drawn alike, are kept.
    """
    load_torch()
    from livedream.cli.drawing import Drawing
    from livedream.dream.choice import network_for
    from livedream.settings import DreamSettings

    if atlas == bool(layers):
        raise ArgumentError("name a --layer to draw, or --atlas", "livedream visualize --layer fire9:42")
    if channels is not None and not atlas:
        raise ArgumentError("--channels is for an --atlas", "name each channel: --layer fire9:42 --layer fire9:43")
    settings = DreamSettings().replace(**given_controls(controls))
    drawing = Drawing(settings, size, steps, overwrite)
    if atlas:
        drawing.atlas(Path(target or f"{network_for(settings).name}-atlas"), channels or CHANNELS)
    else:
        drawing.pictures(layers, target)
    return 0


visualize.params += control_options(*COUNTING)
