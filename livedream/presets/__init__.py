"""Named looks: DreamSettings as TOML, bundled in this folder or in a file of the user."""

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
"""The default presets for videos, for cameras and streams, and for pictures."""

_REPLACED = {
    "menagerie": "birds",
    "mosaic": "weaving",
    "natural": "live",
    "painterly": "neon",
    "peacock": "neon",
    "strokes": "tiger",
}
"""Former presets, each with the most similar one of today."""

# //server/share, with slashes of either kind: Windows logs in to that server to see whether the file is there.
_ELSEWHERE = re.compile(r"(?:^|[\s:\",(])(?:\\\\|//)[^\s\\/]")

_folder = Path(__file__).parent
_log = logging.getLogger(__name__)


def preset_names() -> list[str]:
    """Return the names of the presets that ship with livedream, in alphabetical order."""
    return sorted(path.stem for path in _folder.glob("*.toml"))


def tour_presets() -> dict[str, DreamSettings]:
    """Return the presets of a tour by name: the bundled ones whose file does not say `tour = false`."""
    found = {name: _read(name) for name in preset_names()}
    return {name: preset.settings for name, preset in found.items() if preset.tour}


def load_preset(name: str | os.PathLike[str]) -> DreamSettings:
    """Return the settings of a preset.

        settings = load_preset("film").replace(steps=2)

    Args:
        name: the name of a preset, see `preset_names`; or the path of a .toml file with the controls that differ from
            the defaults; or the path of a video or picture made by `livedream run`, which carries its recipe.

    Raises:
        ArgumentError: the preset does not exist, or the file is not a preset: it is not TOML, carries no recipe, or has
            an unknown control or a wrong value.
        SourceError: the video or picture cannot be read.
    """
    return _read(os.fspath(name)).settings


def settings_of(look: DreamSettings | str | os.PathLike[str] | None, changes: Mapping[str, Any]) -> DreamSettings:
    """Return the settings of `look` with `changes` to single controls.

    look: settings, the name or path of a preset, or None for the defaults. Raises as `load_preset`, ArgumentError for
    an unknown control or a wrong value, and TypeError for another type.
    """
    if look is None:
        look = DreamSettings()
    elif isinstance(look, str | os.PathLike):
        look = load_preset(look)
    elif not isinstance(look, DreamSettings):
        raise TypeError(f"settings must be DreamSettings, or the name or path of a preset, got {type(look).__name__}")
    return look.replace(**changes) if changes else look


def parse_preset(text: str, name: str) -> DreamSettings:
    """Return the settings of the preset in `text`. name: where it is, for errors. Raises as `load_preset`."""
    return _parse(text, name).settings


def preset_description(name: str) -> str:
    """Return the description of the preset called `name`."""
    return _read(name).description


class _Preset(NamedTuple):
    """The content of a preset file."""

    description: str
    tour: bool
    settings: DreamSettings


def _read(name: str) -> _Preset:
    suffix = Path(name).suffix.lower()
    if suffix not in ("", ".toml"):
        from livedream.capture.embedded_recipe import (
            embedded_recipe,  # reads videos, so it is imported only when needed
        )

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
        raise ArgumentError(
            f"no such preset file: {path}", f"check the path, or use one of {', '.join(preset_names())}"
        ) from error
    except NotRegularError as error:
        raise ArgumentError(f"{path} is not a preset: {error.strerror}", "name a .toml file") from error
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            "check the file and its permissions",
        ) from error
    return _parse(text, str(path))


def _current_name(name: str) -> str:
    """Return the current name of the preset `name`. Warns if the preset was replaced by another."""
    if name not in _REPLACED:
        return name
    _log.warning("the preset %s no longer exists; using %s, which is similar", name, _REPLACED[name])
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
                f"{name}: {control} names a file on another machine", "copy the file to this machine, and name the copy"
            )
    return _Preset(description, tours, settings)
