"""Named looks: DreamSettings written down as TOML, shipped in this folder or kept in a file of one's own."""

import logging
import tomllib
from pathlib import Path
from typing import NamedTuple

from livedream.errors import ArgumentError, unknown
from livedream.recipe import controls_in
from livedream.settings import DreamSettings

FILM, LIVE, STILL = "film", "live", "still"
"""The presets for a film, for a camera or stream, and for a picture when nobody names one."""

_REPLACED = {
    "menagerie": "birds",
    "mosaic": "weaving",
    "natural": "live",
    "painterly": "neon",
    "peacock": "neon",
    "strokes": "tiger",
}
"""Presets of before, and which of today's comes closest."""

_folder = Path(__file__).parent
_log = logging.getLogger(__name__)


def preset_names() -> list[str]:
    """Return the names of the presets that ship with livedream, in alphabetical order."""
    return sorted(path.stem for path in _folder.glob("*.toml"))


def tour_presets() -> dict[str, DreamSettings]:
    """Return the presets of a tour, by name: those that ship with livedream, without those whose file says
    `tour = false`.
    """
    found = {name: _read(name) for name in preset_names()}
    return {name: DreamSettings().replace(**preset.controls) for name, preset in found.items() if preset.tour}


def load_preset(name: str) -> DreamSettings:
    """Return the settings of the preset called `name`, or of the TOML file of that path.

    A preset names the controls in which it differs from the defaults; the recipe of an output is one too. Raises
    ArgumentError for an unknown name, a file that is not TOML, an unknown control and a wrong value.
    """
    return DreamSettings().replace(**_read(name).controls)


def parse_preset(text: str, name: str) -> DreamSettings:
    """Return the settings of the preset written in `text`; `name` says in errors where it stands. As `load_preset`."""
    return DreamSettings().replace(**_parse(text, name).controls)


def preset_description(name: str) -> str:
    """Return the sentence that says what the preset called `name` looks like."""
    return _read(name).description


class _Preset(NamedTuple):
    """What stands in a file."""

    description: str
    tour: bool
    controls: dict[str, object]


def _read(name: str) -> _Preset:
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise ArgumentError(f"no such preset file: {path}", f"or name one of {', '.join(preset_names())}")
    else:
        name = _current_name(name)
        path = _folder / f"{name}.toml"
        if name not in preset_names():
            raise unknown("preset", name, preset_names())
    return _parse(path.read_bytes(), str(path))


def _current_name(name: str) -> str:
    """Return the preset that takes the place of the one called `name`, and warn if that is another one."""
    if name not in _REPLACED:
        return name
    _log.warning("the preset %s is gone; %s comes closest", name, _REPLACED[name])
    return _REPLACED[name]


def _parse(text: str | bytes, name: str) -> _Preset:
    try:
        table = tomllib.loads((text if isinstance(text, str) else text.decode()).removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{name} is not TOML: {error}", 'write lines such as layers = "fire9"') from error
    description, tours = str(table.pop("description", "")), bool(table.pop("tour", True))
    return _Preset(description, tours, controls_in(table, name))
