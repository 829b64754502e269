"""Named looks: DreamSettings written down as TOML, shipped in this folder or kept in a file of one's own."""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from livedream.errors import ArgumentError, unknown
from livedream.printable import quoted_value
from livedream.recipe import controls_in
from livedream.settings import DreamSettings
from livedream.untrusted import NotRegularError, parse_toml, read_text

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

# //server/share, with slashes of either kind: Windows logs in to that server to see whether the file is there.
_ELSEWHERE = re.compile(r"(?:^|[\s:\",(])(?:\\\\|//)[^\s\\/]")

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
    return {name: preset.settings for name, preset in found.items() if preset.tour}


def load_preset(name: str | os.PathLike[str]) -> DreamSettings:
    """Return the settings of a preset.

        settings = load_preset("film").replace(steps=2)

    Args:
        name: of a preset, see `preset_names`; or the path of a .toml file, which names the controls that differ from
            the defaults; or of a film or picture that `livedream run` made, which carries its recipe.

    Raises:
        ArgumentError: there is no such preset, or the file is none: it is not TOML, carries no recipe, or has an
            unknown control or a wrong value.
        SourceError: the film or picture cannot be read.
    """
    return _read(os.fspath(name)).settings


def settings_of(look: DreamSettings | str | os.PathLike[str] | None, changes: Mapping[str, Any]) -> DreamSettings:
    """Return the settings that `look` means, settings or what names a preset, with `changes` of single controls.

    None means the defaults. Raises as `load_preset`, ArgumentError for an unknown control or a wrong value, and
    TypeError where `look` is neither.
    """
    if look is None:
        look = DreamSettings()
    elif isinstance(look, str | os.PathLike):
        look = load_preset(look)
    elif not isinstance(look, DreamSettings):
        raise TypeError(f"settings must be DreamSettings, or the name or path of a preset, got {type(look).__name__}")
    return look.replace(**changes) if changes else look


def parse_preset(text: str, name: str) -> DreamSettings:
    """Return the settings of the preset written in `text`; `name` says in errors where it stands. As `load_preset`."""
    return _parse(text, name).settings


def preset_description(name: str) -> str:
    """Return the sentence that says what the preset called `name` looks like."""
    return _read(name).description


class _Preset(NamedTuple):
    """What stands in a file."""

    description: str
    tour: bool
    settings: DreamSettings


def _read(name: str) -> _Preset:
    suffix = Path(name).suffix.lower()
    if suffix not in ("", ".toml"):
        from livedream.capture.embedded_recipe import embedded_recipe  # which reads films: only where one is named

        return _parse(embedded_recipe(Path(name)), name)
    if suffix:
        path = Path(name)
    else:
        name = _current_name(name)
        path = _folder / f"{name}.toml"
        if name not in preset_names():
            raise unknown("preset", name, preset_names())
    try:
        text = read_text(path)
    except FileNotFoundError as error:
        raise ArgumentError(f"no such preset file: {path}", f"or name one of {', '.join(preset_names())}") from error
    except NotRegularError as error:
        raise ArgumentError(f"{path} is not a preset: {error.strerror}", "name a .toml file") from error
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            "check the file and its rights",
        ) from error
    return _parse(text, str(path))


def _current_name(name: str) -> str:
    """Return the preset that takes the place of the one called `name`, and warn if that is another one."""
    if name not in _REPLACED:
        return name
    _log.warning("the preset %s is gone; %s comes closest", name, _REPLACED[name])
    return _REPLACED[name]


def _parse(text: str, name: str) -> _Preset:
    table = parse_toml(text, name)
    description, tours = table.pop("description", ""), table.pop("tour", True)
    if not isinstance(description, str):
        raise ArgumentError(f"{name}: description must be text, got {quoted_value(description)}", "put it in quotes")
    if not isinstance(tours, bool):
        raise ArgumentError(f"{name}: tour must be true or false, got {quoted_value(tours)}", "write tour = false")
    try:
        settings = DreamSettings().replace(**controls_in(table, name))
    except ArgumentError as error:
        fault = str(error)
        raise ArgumentError(fault if fault.startswith(f"{name}: ") else f"{name}: {fault}", error.hint) from error
    for control in ("weights", "layers"):
        if _ELSEWHERE.search(getattr(settings, control)):
            raise ArgumentError(
                f"{name}: {control} names a file on another machine", "copy the file here, and name the copy"
            )
    return _Preset(description, tours, settings)
