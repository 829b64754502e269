"""`livedream presets`: the looks."""

import shlex

import click

from livedream.cli.options import flag
from livedream.cli.output import say
from livedream.presets import load_preset, preset_description, preset_names
from livedream.settings import CONTROLS


@click.command(short_help="List the looks.")
def presets() -> None:
    """List the presets: name, what it looks like, and the options that would make it of the defaults."""
    width = max(len(name) for name in preset_names())
    for name in preset_names():
        settings = load_preset(name)
        say(f"{name.ljust(width)}  {preset_description(name)}")
        changed = [
            f"{flag(control)} {shlex.quote(str(getattr(settings, control.name)))}"
            for control in CONTROLS
            if getattr(settings, control.name) != control.default
        ]
        if changed:
            say(f"{' ' * width}  {' '.join(changed)}")
