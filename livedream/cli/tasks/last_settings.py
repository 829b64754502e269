"""The settings with which the last live run ended, if they were changed while it ran: the next one begins with them."""

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

OF_THE_MACHINE = ("device", "precision")
"""Controls that say on what to dream and not how; each run decides that anew."""


def state_file() -> Path:
    """Return where they are kept, for each user."""
    return platformdirs.user_state_path("livedream", appauthor=False) / "state.toml"


def recall() -> DreamSettings | None:
    """Return the settings that were kept; None where there are none, or none that this livedream understands."""
    path = state_file()
    try:
        return parse_preset(read_text(path), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ArgumentError) as error:
        log.warning("the settings of the last run are left out: %s", error)
        return None


def remember(before: DreamSettings, after: DreamSettings) -> None:
    """Keep the settings at the end of a run, `after`, if they are not those of its beginning, `before`."""
    if after == before:
        return
    usual = {control.name: control.default for control in CONTROLS if control.name in OF_THE_MACHINE}
    path = state_file()
    text = Recipe(settings=after.replace(**usual)).text()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with OutputLock(path) as lock:
            write_whole(path, text.encode(), lock, overwrite=True)
    except (OSError, SinkError) as error:
        log.warning("the settings of this run cannot be kept: %s", error)
