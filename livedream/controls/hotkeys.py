"""The keys of a window, in one table: what they do, and their help."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from livedream.controls.controller import LiveController
from livedream.controls.hud import Hud
from livedream.controls.recorder import Recorder
from livedream.sink.window.window_sink import WindowSink


class Hotkey(NamedTuple):
    """One row of the table: a key, or two keys for opposite directions."""

    keys: tuple[str, ...]
    help: str
    actions: tuple[Callable[[], object], ...]
    """What each key does."""


def hotkeys(controller: LiveController, recorder: Recorder, hud: Hud, window: WindowSink) -> list[Hotkey]:
    """Return all keys. The keys of the controls come from the table of controls."""

    def single(key: str, help: str, action: Callable[[], object]) -> Hotkey:
        return Hotkey((key,), help, (action,))

    table = [
        Hotkey(
            ("p", "n"),
            "preset: previous, next",
            (partial(controller.turn_preset, -1), partial(controller.turn_preset, 1)),
        )
    ]
    if controller.tours:
        table.append(single("t", "tour through the presets: on, off", controller.toggle_tour))
    for control in controller.controls:
        name = control.name.replace("_", " ")
        directions = (-1, 1) if len(control.keys) == 2 else (1,)
        effect = "less, more" if control.press else "previous, next" if len(directions) == 2 else "next"
        actions = tuple(partial(controller.turn, control.name, direction) for direction in directions)
        table.append(Hotkey(control.keys, f"{name}: {effect}", actions))
    table += [
        single("m", "mirror the picture, also in recordings", controller.toggle_mirror),
        single("Space", controller.freeze_help, controller.toggle_freeze),
        single("v", "view: half source, half dream", partial(window.toggle_view, "split")),
        single("d", "view: source or dream", partial(window.toggle_view, "source")),
        single("s", "save a snapshot (PNG)", recorder.snapshot),
        single("r", "record a video: on, off", recorder.toggle_recording),
        single("x", "restart the dream", controller.reset),
        single("f", "full screen: on, off", window.toggle_full_screen),
        single("h", "numbers: on, off", hud.toggle_numbers),
        single("?", "this list: on, off", lambda: window.toggle_help(help_rows(table))),
        single("q", "quit", window.quit),
        single("Esc", "leave full screen, or quit", window.leave),
    ]
    return table


def help_rows(table: list[Hotkey]) -> list[tuple[str, ...]]:
    """Return the table as two columns of keys and their meanings."""
    rows = [(" ".join(row.keys), row.help) for row in table]
    half = (len(rows) + 1) // 2
    right = [*rows[half:], ("", "")]
    return [(*rows[number], *right[number]) for number in range(half)]


def bind(table: list[Hotkey], window: WindowSink) -> None:
    """Bind the keys of the table to the window."""
    for row in table:
        for key, action in zip(row.keys, row.actions, strict=True):
            window.bind(key, action)
