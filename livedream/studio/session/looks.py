"""Looks from outside: what a page may ask for, and the presets that a user saved."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedream.dream.objective.parser import parse
from livedream.errors import ArgumentError
from livedream.hints import option
from livedream.models import OFFICIAL
from livedream.presets import load_preset, parse_preset, preset_description, preset_names
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import write_whole
from livedream.untrusted import read_text

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_OWN = 200
"""How many presets a user may save."""


def check_files(settings: DreamSettings, present: DreamSettings) -> DreamSettings:
    """Return `settings`, which came over the network, if they read no file that `present` does not read.

    Raises ArgumentError.
    """
    if settings.weights not in (OFFICIAL, present.weights):
        raise ArgumentError(
            "weights cannot name a file here", f"name it when you start the studio, with {option('weights')}"
        )
    files = set(parse(settings.layers).files) - set(parse(present.layers).files)
    if files:
        raise ArgumentError(
            "layers cannot name files here", "use layers and names of channels; name files when you start the studio"
        )
    return settings


def check_text(values: Mapping[str, Any]) -> None:
    """Raise ArgumentError if a value, from JSON, is text that no other program could read: half a character."""
    for name, value in values.items():
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ArgumentError(f"{name} is not text", "send UTF-8")


def look_text(settings: DreamSettings) -> str:
    """Return the settings as the TOML of a preset."""
    return Recipe(settings=settings).text()


class OwnPresets:
    """The presets that a user saved, in a folder of TOML files.

    Names consist of small letters, digits and dashes, so a name is a file name on every system, in this folder alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names, sorted."""
        found = (path for path in self._folder.glob("*.toml") if path.is_file() and not path.is_symlink())
        return sorted(path.stem for path in found if _NAME.fullmatch(path.stem))

    def load(self, name: str) -> DreamSettings:
        """Return the settings of the preset `name`. Raises ArgumentError."""
        if name not in self.names():
            raise ArgumentError(f"there is no preset {name}", "reload the list of presets")
        try:
            return parse_preset(read_text(self._folder / f"{name}.toml"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise ArgumentError(f"the preset {name} cannot be read", "delete it, and save it again") from error

    def save(self, name: str, settings: DreamSettings) -> None:
        """Save `settings` under `name`, in place of an earlier one of that name.

        Raises:
            ArgumentError: the name cannot be used, or there are too many presets.
            OSError, SinkError: it cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise ArgumentError(f"a preset cannot be called {name!r}", "use small letters, digits and dashes")
        if name in preset_names():
            raise ArgumentError(f"{name} is a preset of livedream", "choose another name")
        names = self.names()
        if name not in names and len(names) >= MOST_OWN:
            raise ArgumentError(f"there are {MOST_OWN} presets already", "delete some of them")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{name}.toml"
        with OutputLock(path) as lock:
            write_whole(path, look_text(settings).encode(), lock, overwrite=True)

    def delete(self, name: str) -> None:
        """Delete the preset `name`. Raises ArgumentError if there is none."""
        if name not in self.names():
            raise ArgumentError(f"there is no preset {name}", "reload the list of presets")
        (self._folder / f"{name}.toml").unlink(missing_ok=True)


def all_presets(own: OwnPresets) -> Mapping[str, DreamSettings]:
    """Return the settings of all presets by name. A saved one that cannot be read is left out."""
    found = {name: load_preset(name) for name in preset_names()}
    for name in own.names():
        try:
            found[name] = own.load(name)
        except ArgumentError:
            continue
    return found


def preset_list(own: OwnPresets) -> list[dict[str, Any]]:
    """Return name, description and `own` of all presets: those of livedream, then the user's."""
    bundled = [{"name": name, "description": preset_description(name), "own": False} for name in preset_names()]
    return [*bundled, *({"name": name, "description": "", "own": True} for name in own.names())]
