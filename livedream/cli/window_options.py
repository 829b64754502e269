"""The options for the window of a run."""

import re
from collections.abc import Sequence
from typing import Any

import click

from livedream.errors import ArgumentError
from livedream.printable import quoted_value
from livedream.sink.open import WINDOW
from livedream.sink.window.placement import Placement

_POSITION = re.compile(r"\s*(-?\d{1,5})\s*,\s*(-?\d{1,5})\s*", re.ASCII)


def window_options() -> list[click.Parameter]:
    """Return new options for the position and the look of the window."""
    return [
        click.Option(["--full-screen"], is_flag=True, help="Start in full screen [key: f]"),
        click.Option(
            ["--monitor"],
            metavar="N",
            type=int,
            help="Number of the monitor for the window, from 1",
        ),
        click.Option(
            ["--position"],
            metavar="X,Y",
            help="Top left corner of the window in pixels, on the desktop or on --monitor",
        ),
        click.Option(["--window-title"], metavar="TEXT", help="Title of the window [default: livedream]"),
    ]


def take_placement(options: dict[str, Any]) -> Placement | None:
    """Take the options of `window_options` out of the `options` of a command, by name.

    Returns:
        What they say of the window; None when none is given.

    Raises:
        ArgumentError: One of them is wrong.
    """
    given = {name: options.pop(name) for name in ("full_screen", "monitor", "position", "window_title")}
    if not any(value is not None and value is not False for value in given.values()):
        return None
    title, position = given["window_title"], given["position"]
    if title is not None and not title.strip():
        raise ArgumentError("--window-title is empty", "give a text, or leave it out")
    return Placement(
        full_screen=given["full_screen"],
        monitor=given["monitor"],
        position=None if position is None else parse_position(position),
        title=title or Placement().title,
    )


def parse_position(text: str) -> tuple[int, int]:
    """Return (x, y) in pixels. Raises ArgumentError."""
    found = _POSITION.fullmatch(text)
    if not found:
        raise ArgumentError(f"invalid position {quoted_value(text)}: expected X,Y", "for example --position 100,50")
    return int(found[1]), int(found[2])


def check_window(placement: Placement | None, sinks: Sequence[str]) -> None:
    """Raise ArgumentError when a placement is given and none of the sinks is a window."""
    if placement is not None and WINDOW not in sinks:
        options = {
            "--full-screen": placement.full_screen,
            "--monitor": placement.monitor is not None,
            "--position": placement.position is not None,
            "--window-title": placement.title != Placement().title,
        }
        given = [option for option, is_given in options.items() if is_given]
        has, it = ("has", "it") if len(given) == 1 else ("have", "them")
        raise ArgumentError(
            f"{' and '.join(given)} {has} no effect without a window", f"add --to window, or leave {it} out"
        )
