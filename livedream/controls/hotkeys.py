"""The keys of a window, in one table: what they do, and what the help says of them."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from livedream.controls.controller import LiveController
from livedream.controls.hud import Hud
from livedream.controls.recorder import Recorder
from livedream.sink.window.window_sink import WindowSink


class Hotkey(NamedTuple):
    """One row: a key, or two of them for back and forth."""

    keys: tuple[str, ...]
    help: str
    acts: tuple[Callable[[], object], ...]
    """What each of the keys does."""


def hotkeys(controller: LiveController, recorder: Recorder, status: Hud, window: WindowSink) -> list[Hotkey]:
    """Return all keys. Those of the controls stand in the table of the controls."""

    def one(key: str, help: str, act: Callable[[], object]) -> Hotkey:
        return Hotkey((key,), help, (act,))

    table = [
        Hotkey(
            ("p", "n"),
            "preset: previous, next",
            (partial(controller.turn_preset, -1), partial(controller.turn_preset, 1)),
        )
    ]
    if controller.tours:
        table.append(one("t", "tour through the presets: on, off", controller.toggle_tour))
    for control in controller.controls:
        name = control.name.replace("_", " ")
        presses = (-1, 1) if len(control.keys) == 2 else (1,)
        way = "less, more" if control.press else "previous, next" if len(presses) == 2 else "next"
        acts = tuple(partial(controller.turn, control.name, many) for many in presses)
        table.append(Hotkey(control.keys, f"{name}: {way}", acts))
    table += [
        one("m", "mirror, shown and recorded", controller.toggle_mirror),
        one("Space", controller.freeze_help, controller.toggle_freeze),
        one("v", "view: half source, half dream", partial(window.toggle_view, "split")),
        one("d", "view: source or dream", partial(window.toggle_view, "source")),
        one("s", "snapshot, a PNG", recorder.snapshot),
        one("r", "record a film: on, off", recorder.toggle_recording),
        one("x", "begin the dream anew", controller.reset),
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
