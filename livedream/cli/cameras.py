"""`livedream cameras`: what can be dreamt live."""

import click

from livedream.cli.output import remark, say_table


@click.command(short_help="List the cameras of this machine.")
def cameras() -> None:
    """List the cameras of this machine: number, name and device; `run` takes any of the three."""
    from livedream.capture.cameras import list_cameras

    found = list_cameras()
    if found:
        say_table([(str(camera.index), camera.name, camera.path) for camera in found])
    else:
        remark("no camera found")
        remark("hint: is it plugged in, and may you use it? `livedream run demo` needs none")
