"""`livedream layers`: one photograph, dreamt at each layer, to choose a layer by."""

from pathlib import Path

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.parsing import STILLS, control_options, given_controls, output_option, overwrite_option
from livedream.cli.recipe_option import no_recipe_option
from livedream.cli.tasks.loading import load_torch
from livedream.errors import ArgumentError
from livedream.presets import STILL

EXAMPLES = (
    ("each block of the network: photo-layers.jpg", "livedream layers photo.jpg"),
    (
        "layers of your choice, in another network",
        'livedream layers photo.jpg --model squeezenet --layers "fire5 fire9:42"',
    ),
)


@click.command(
    cls=GroupedCommand,
    groups=groups_with(Output=("--output", "--width")),
    examples=EXAMPLES,
    short_help="Dream one photograph at each layer, on a contact sheet.",
)
@click.argument("photo", metavar="PHOTO")
@output_option("FILE", "Sheet, such as sheet.jpg or sheet.png [default: PHOTO-layers.jpg]")
@click.option("--preset", metavar="NAME", default=STILL, help=f"Look, except its layers, as for run [default: {STILL}]")
@click.option(
    "--width",
    metavar="N",
    type=click.IntRange(32, 4000),
    default=320,
    show_default=True,
    help="Width of a tile in pixels",
)
@click.option("--layers", metavar="NAMES", default="", help="Layers, separated by spaces [default: each block]")
@overwrite_option()
def layers(
    photo: str,
    sink: str | None,
    preset: str,
    width: int,
    layers: str,
    overwrite: bool,
    no_recipe: bool,
    **controls: str | None,
) -> int:
    """Dream PHOTO at each layer of a network, from shallow to deep, and put the results on one labelled sheet."""
    load_torch()
    from livedream.cli.tasks.layer_sheet import SheetRequest, compare
    from livedream.cli.tasks.recipes import choose_settings
    from livedream.names import fitting

    given = given_controls(controls)
    settings = choose_settings(preset, given)
    if not Path(photo).suffix:
        raise ArgumentError(f"{photo} is not a picture", "name a photograph")
    target = sink or fitting(Path(photo).stem, "-layers.jpg")
    compare(
        SheetRequest(
            photo=photo,
            target=target,
            preset=preset,
            settings=settings,
            layers=layers.split(),
            width=width,
            overwrite=overwrite,
            recipe=not no_recipe,
        )
    )
    return 0


layers.params += [
    no_recipe_option(),
    *control_options([name for name in STILLS if name != "layers"], presets=(STILL,)),
]
