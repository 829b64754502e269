"""`livedream run`: dream a camera, a film, a stream or pictures."""

from typing import Any

import click

from livedream.presets import preset_names
from livedream.settings import CONTROLS, Control


def flag(control: Control) -> str:
    """Return the option that sets `control`: `--step-size`."""
    return f"--{control.name.replace('_', '-')}"


def _option(control: Control) -> click.Option:
    if control.choices:
        metavar, allowed = "|".join(control.choices), ""
    else:
        metavar = {int: "N", float: "X", str: "TEXT"}[control.kind]
        allowed = (
            "" if control.kind is str else f"{control.low:g} to {control.high:.10g} {control.unit}".rstrip() + "; "
        )
    default = f"{control.default:g}" if isinstance(control.default, float) else control.default
    return click.Option([flag(control)], metavar=metavar, help=f"{control.help} [{allowed}default {default}]")


@click.command(
    epilog="A control that is not given is as the preset has it, and else as its default.",
    short_help="Dream a camera, a film, a stream or pictures.",
)
@click.argument("source", default="0")
@click.option(
    "--to",
    "sinks",
    metavar="SINK",
    multiple=True,
    help="window, null, a film (.mp4, .mov, .mkv), a picture (.png, .jpg ...) or a folder (name/); may be repeated "
    "[default: a window for what is live, NAME-dream.mp4 or NAME-dream.png here for the rest]",
)
@click.option(
    "--preset",
    metavar="NAME",
    help=f"a look: {', '.join(preset_names())}, or a file of your own (.toml) [default live, still for pictures]",
)
@click.option("--overwrite", is_flag=True, help="replace files that are there already")
def run(source: str, sinks: tuple[str, ...], preset: str | None, overwrite: bool, **controls: str | None) -> int:
    """Dream SOURCE: a camera (its number, or part of its name), a film, a picture, a folder or a pattern of pictures,
    an address (rtsp://...), or demo. Without SOURCE: the first camera, 0."""
    from livedream.cli.dreaming import dream

    given: dict[str, Any] = {
        control.name: control.parse(text) for control in CONTROLS if (text := controls[control.name]) is not None
    }
    return dream(source, sinks, preset=preset, controls=given, overwrite=overwrite)


run.params += [_option(control) for control in CONTROLS]
