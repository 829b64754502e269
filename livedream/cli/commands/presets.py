"""`livedream presets`: list the looks."""

import dataclasses
import shlex

import click

from livedream.cli.as_json import json_option, say_json
from livedream.cli.console import say
from livedream.cli.parsing import flag
from livedream.control import Control
from livedream.presets import load_preset, preset_description, preset_names, tour_presets
from livedream.settings import CONTROLS, DreamSettings


@click.command(short_help="List the looks.")
@json_option
def presets(as_json: bool) -> None:
    """List the presets: name, description, and the options that make it from the defaults."""
    if as_json:
        toured = tour_presets()
        say_json({"presets": [_as_object(name, in_tour=name in toured) for name in preset_names()]})
        return
    width = max(len(name) for name in preset_names())
    for name in preset_names():
        settings = load_preset(name)
        say(f"{name.ljust(width)}  {preset_description(name)}")
        changed = [
            f"{flag(control)} {shlex.quote(str(getattr(settings, control.name)))}" for control in _changed(settings)
        ]
        if changed:
            say(f"{' ' * width}  {' '.join(changed)}")


def _changed(settings: DreamSettings) -> list[Control]:
    """Return the controls that differ from their defaults."""
    return [control for control in CONTROLS if getattr(settings, control.name) != control.default]


def _as_object(name: str, *, in_tour: bool) -> dict[str, object]:
    settings = load_preset(name)
    return {
        "name": name,
        "description": preset_description(name),
        "tour": in_tour,
        "changed": [control.name for control in _changed(settings)],
        "settings": dataclasses.asdict(settings),
    }
