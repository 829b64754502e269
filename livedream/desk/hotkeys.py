"""The keys of a window, in one table: what they do, and what the help says of them."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from livedream.desk.desk import Desk
from livedream.desk.status import Status
from livedream.desk.takes import Takes
from livedream.sink.window import WindowSink


class Hotkey(NamedTuple):
    """One row: a key, or two of them for back and forth."""

    keys: tuple[str, ...]
    help: str
    acts: tuple[Callable[[], object], ...]
    """What each of the keys does."""


def hotkeys(desk: Desk, takes: Takes, status: Status, window: WindowSink) -> list[Hotkey]:
    """Return all keys. Those of the controls stand in the table of the controls."""

    def one(key: str, help: str, act: Callable[[], object]) -> Hotkey:
        return Hotkey((key,), help, (act,))

    table = [
        Hotkey(("p", "n"), "preset: previous, next", (partial(desk.turn_preset, -1), partial(desk.turn_preset, 1)))
    ]
    if desk.tours:
        table.append(one("t", "tour through the presets: on, off", desk.toggle_tour))
    for control in desk.controls:
        name = control.name.replace("_", " ")
        presses = (-1, 1) if len(control.keys) == 2 else (1,)
        way = "less, more" if control.press else "previous, next" if len(presses) == 2 else "next"
        acts = tuple(partial(desk.turn, control.name, many) for many in presses)
        table.append(Hotkey(control.keys, f"{name}: {way}", acts))
    table += [
        one("m", "mirror, shown and recorded", desk.toggle_mirror),
        one("Space", desk.freeze_help, desk.toggle_freeze),
        one("v", "view: half source, half dream", partial(window.toggle_view, "split")),
        one("d", "view: source or dream", partial(window.toggle_view, "source")),
        one("s", "snapshot, a PNG", takes.snapshot),
        one("r", "record a film: on, off", takes.toggle_recording),
        one("x", "begin the dream anew", desk.reset),
        one("f", "full screen: on, off", window.toggle_full_screen),
        one("h", "numbers: on, off", status.toggle_numbers),
        one("?", "this list: on, off", lambda: window.toggle_help(help_rows(table))),
        one("q", "quit", window.quit),
        one("Esc", "leave full screen, else quit", window.leave),
    ]
    return table


def help_rows(table: list[Hotkey]) -> list[tuple[str, ...]]:
    """Return the table as two columns of keys and their meanings."""
    told = [(" ".join(row.keys), row.help) for row in table]
    half = (len(told) + 1) // 2
    right = [*told[half:], ("", "")]
    return [(*told[number], *right[number]) for number in range(half)]


def bind(table: list[Hotkey], window: WindowSink) -> None:
    """Let the window answer the keys of the table."""
    for row in table:
        for key, act in zip(row.keys, row.acts, strict=True):
            window.bind(key, act)
