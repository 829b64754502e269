"""`livedream cameras`: list the cameras of this machine."""

import dataclasses

import click

from livedream.cli.as_json import json_option, say_json
from livedream.cli.console import remark, say_table


@click.command(short_help="List the cameras of this machine.")
@json_option
def cameras(as_json: bool) -> None:
    """List the cameras of this machine: number, name and device; `run` accepts any of the three."""
    from livedream.capture.live.devices import list_cameras

    found = list_cameras()
    if as_json:
        say_json({"cameras": [dataclasses.asdict(camera) for camera in found]})
    elif found:
        say_table([(str(camera.index), camera.name, camera.path) for camera in found])
    else:
        remark("no camera found")
        remark("hint: check that it is connected and that you may use it; `livedream run demo` needs no camera")
