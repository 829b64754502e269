"""The settings with which the last live run ended, if they were changed while it ran: the next one begins with them."""

import logging
import os
from pathlib import Path

import platformdirs

from livedream.errors import ArgumentError
from livedream.presets import parse_preset
from livedream.recipe import Recipe
from livedream.settings import CONTROLS, DreamSettings
from livedream.strangers import read_text

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
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(Recipe(settings=after.replace(**usual)).text(), encoding="utf-8")
        fresh.replace(path)  # whoever reads has all of the old ones or all of the new
    except OSError as error:
        log.warning("the settings of this run cannot be kept: %s", error)
