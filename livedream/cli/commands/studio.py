"""`livedream studio`: the dream in a browser."""

from pathlib import Path
from typing import Any

import click

from livedream.cli.help import GroupedCommand, groups_with
from livedream.cli.parsing import MOVING, control_options, given_controls
from livedream.presets import LIVE

PORT = 8765
EXAMPLES = (
    ("the demo, and your camera at the press of a button", "livedream studio"),
    ("the camera of this machine, for a phone in the same network", "livedream studio 0 --host 0.0.0.0 --https"),
    ("a video in a loop, in a window as well", "livedream studio film.mp4 --window"),
)


@click.command(
    cls=GroupedCommand,
    groups=groups_with(
        Server=("--host", "--port", "--https", "--folder", "--largest-upload", "--no-browser"), Window=("--window",)
    ),
    examples=EXAMPLES,
    short_help="Dream in a browser: a page with the picture and all controls.",
)
@click.argument("source", metavar="[SOURCE]", required=False)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 lets other devices in, with the link",
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Port to listen at; 0 takes a free one",
)
@click.option("--https", is_flag=True, help="Encrypt, with a certificate made here: phones give their camera only so")
@click.option("--folder", metavar="FOLDER", help="Where recordings, uploads and jobs are kept [default: per user]")
@click.option(
    "--largest-upload",
    metavar="MB",
    type=click.IntRange(1, 1_000_000),
    default=512,
    show_default=True,
    help="Largest file that a page may upload, in MB",
)
@click.option("--no-browser", is_flag=True, help="Print the link without opening it")
@click.option("--window", is_flag=True, help="Show the dream in a window too, with its keys")
@click.option("--preset", metavar="NAME", default=LIVE, show_default=True, help="Look to begin with")
def studio(
    source: str | None,
    host: str,
    port: int,
    https: bool,
    folder: str | None,
    largest_upload: int,
    no_browser: bool,
    window: bool,
    preset: str,
    **controls: Any,
) -> int:
    """Open a page with the dream and all controls. SOURCE is what `livedream run` takes. Default: the demo."""
    from livedream.cli.tasks.studio import StudioOptions, run_studio

    return run_studio(
        StudioOptions(
            source=source,
            host=host,
            port=port,
            https=https,
            folder=None if folder is None else Path(folder),
            largest_upload=largest_upload * 1_000_000,
            opens_browser=not no_browser,
            window=window,
            preset=preset,
            controls=given_controls(controls),
        )
    )


studio.params += control_options(MOVING, presets=(LIVE,))
