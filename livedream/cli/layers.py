"""`livedream layers`: one photograph, dreamt at each layer, to choose by."""

from pathlib import Path

import click

from livedream.cli.activity import load_torch
from livedream.cli.options import control_options, given_controls
from livedream.errors import ArgumentError
from livedream.presets import STILL


@click.command(short_help="Dream one photograph at each layer, on one sheet.")
@click.argument("photo", metavar="PHOTO")
@click.option("--to", "target", metavar="FILE", help="the sheet (.jpg, .png ...) [default PHOTO-layers.jpg]")
@click.option(
    "--preset", metavar="NAME", default=STILL, help=f"how to dream, but for the layers, as for run [default {STILL}]"
)
@click.option(
    "--width", metavar="N", type=click.IntRange(32, 4000), default=320, help="of a tile, in pixels [default 320]"
)
@click.option("--overwrite", is_flag=True, help="replace a sheet that is there already")
def layers(photo: str, target: str | None, preset: str, width: int, overwrite: bool, **controls: str | None) -> int:
    """Dream PHOTO at each layer of a network, from shallow to deep, and lay the dreams on one sheet with their names.

    --layers "fire2 fire6 fire9" names the layers, and sums of them without blanks; without it all blocks are taken.
    """
    load_torch()
    from livedream.cli.comparing import compare
    from livedream.cli.dreaming import choose_settings
    from livedream.names import fitting

    given = given_controls(controls)
    wanted = str(given.pop("layers", "")).split()
    settings = choose_settings(preset, given)
    if not Path(photo).suffix:
        raise ArgumentError(f"{photo} is no picture", "name a photograph")
    compare(photo, target or fitting(Path(photo).stem, "-layers.jpg"), preset, settings, wanted, width, overwrite)
    return 0


layers.params += control_options()
