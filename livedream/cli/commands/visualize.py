"""`livedream visualize`: what layers and channels respond to, drawn from noise."""

from pathlib import Path

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.parsing import control_options, given_controls, output_option, overwrite_option
from livedream.cli.recipe_option import no_recipe_option
from livedream.cli.tasks.loading import load_torch
from livedream.errors import ArgumentError

CONTROL_NAMES = ("model", "weights", "pooling", "seed", "device", "precision")
"""The controls that have an effect without a picture."""
CHANNELS = 8


EXAMPLES = (
    ("what one channel responds to", "livedream visualize --layer fire9:42 -o channel.png"),
    ("channels of every layer, on a sheet and on a web page", "livedream visualize --atlas --channels 4"),
)


@click.command(
    cls=GroupedCommand,
    groups=groups_with(Source=("--layer", "--atlas", "--channels"), Look=("--size", "--steps")),
    examples=EXAMPLES,
    short_help="Draw what layers and channels respond to.",
)
@click.option(
    "--layer",
    "layers",
    metavar="TEXT",
    multiple=True,
    help="What to draw: fire9:42 for a channel, fire9 for a layer; may be repeated",
)
@click.option("--atlas", is_flag=True, help="Draw channels of every layer: atlas.png, index.html")
@output_option(
    "FILE",
    "Picture, sheet of several layers, or folder/ with one picture each [default: LAYER.png, channels.png or "
    "MODEL-atlas/]",
)
@click.option("--size", metavar="N", type=int, default=160, help="Width and height of a picture [default: 160]")
@click.option("--steps", metavar="N", type=int, default=256, help="Gradient steps of a picture [default: 256]")
@click.option(
    "--channels", metavar="N", type=click.IntRange(1), help=f"Channels of each layer in an atlas [default: {CHANNELS}]"
)
@overwrite_option()
def visualize(
    layers: tuple[str, ...],
    atlas: bool,
    sink: str | None,
    size: int,
    steps: int,
    channels: int | None,
    overwrite: bool,
    no_recipe: bool,
    **controls: str | None,
) -> int:
    """Draw, from noise, what activates a layer, a channel or a sum of them most.

    An interrupted atlas is continued: its finished pictures are kept.
    """
    load_torch()
    from livedream.cli.tasks.channel_pictures import Drawing
    from livedream.dream.objective.network_choice import network_for
    from livedream.settings import DreamSettings

    if atlas and layers:
        raise ArgumentError("--atlas and --layer cannot be combined", "leave out one of them")
    if not atlas and not layers:
        raise ArgumentError(
            "nothing to draw: neither --layer nor --atlas is given", "for example: livedream visualize --layer fire9:42"
        )
    if channels is not None and not atlas:
        raise ArgumentError("--channels is for --atlas", "or name each channel: --layer fire9:42 --layer fire9:43")
    settings = DreamSettings().replace(**given_controls(controls))
    drawing = Drawing(settings, size, steps, overwrite, carry_recipes=not no_recipe)
    if atlas:
        drawing.atlas(Path(sink or f"{network_for(settings).name}-atlas"), channels or CHANNELS)
    else:
        drawing.pictures(layers, sink)
    return 0


visualize.params += [no_recipe_option(), *control_options(CONTROL_NAMES, presets=())]
