"""The option `--progress`."""

import click

from livedream.cli.console import print_json_progress


def progress_option() -> click.Option:
    """Return `--progress`, which chooses how the progress of a run is shown."""

    def choose(context: click.Context, option: click.Parameter, choice: str) -> None:
        if choice == "json":
            print_json_progress()

    return click.Option(
        ["--progress"],
        metavar="auto|json",
        type=click.Choice(["auto", "json"]),
        default="auto",
        expose_value=False,
        callback=choose,
        help="How to show progress: for people, or as lines of JSON on standard error [default: auto]",
    )
