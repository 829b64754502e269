"""The settings at the end of the last live run, if they were changed during it: the next live run begins with them."""

import logging
from pathlib import Path

import platformdirs

from livedream.errors import ArgumentError, SinkError
from livedream.presets import parse_preset
from livedream.recipe import Recipe
from livedream.settings import CONTROLS, DreamSettings
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import write_whole
from livedream.untrusted import read_text

log = logging.getLogger(__name__)

MACHINE_CONTROLS = ("device", "precision")
"""Controls for the hardware, which each run chooses again."""


def state_file() -> Path:
    """Return the path of the file with the settings, which is per user."""
    return platformdirs.user_state_path("livedream", appauthor=False) / "state.toml"


def recall() -> DreamSettings | None:
    """Return the saved settings; None if there are none, or this version does not understand them."""
    path = state_file()
    try:
        return parse_preset(read_text(path), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ArgumentError) as error:
        log.warning("cannot use the settings of the last run: %s", error)
        return None


def remember(before: DreamSettings, after: DreamSettings) -> None:
    """Save the settings at the end of a run, `after`, if they differ from those at its beginning, `before`."""
    if after == before:
        return
    defaults = {control.name: control.default for control in CONTROLS if control.name in MACHINE_CONTROLS}
    path = state_file()
    text = Recipe(settings=after.replace(**defaults)).text()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with OutputLock(path) as lock:
            write_whole(path, text.encode(), lock, overwrite=True)
    except (OSError, SinkError) as error:
        log.warning("cannot save the settings of this run: %s", error)
