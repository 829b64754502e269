"""The recipe of an output: the settings that made it, in TOML that is also a preset, and facts about the output."""

import dataclasses
import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livedream._version import __version__
from livedream.errors import ArgumentError, SourceError
from livedream.legacy import GENERATION, upgraded
from livedream.printable import quoted_value
from livedream.settings import CONTROLS, DEFAULTS_GENERATION, DreamSettings
from livedream.untrusted import open_regular, parse_toml
from livedream.urls import redact

TABLE = "livedream"
"""The table of the recipe for everything that is not a control, and the name of the recipe inside a PNG."""
COMPLETE = "complete"
"""The key in that table for whether the source was dreamt to its end."""
ENDS = 1 << 20
"""Bytes at each end of a file that its fingerprint covers: reading all of a 100 GB video would take minutes."""

LIBRARIES = ("livedream", "torch", "av", "opencv-python", "numpy")
"""The packages whose versions affect frames down to the last bit."""

Fact = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an output was made."""

    settings: DreamSettings
    source: str = ""
    """The name of the source."""
    fingerprint: str = ""
    """The `fingerprint` of the source."""
    ingredients: str = ""
    """The `fingerprint` of the other files used: guides, masks, directions, your own weights."""
    used: str = ""
    """Device, precision, network, layer and size: what `auto` in the settings stood for."""
    options: Mapping[str, Fact] = field(default_factory=dict)
    """What else the output depends on: how it is encoded, which part of the source it shows."""

    def text(self, **info: Fact) -> str:
        """Return the recipe as TOML. info: more lines for its table, known when the output is closed."""
        settings = {
            control.name: value
            for control in CONTROLS
            if (value := getattr(self.settings, control.name)) != control.default
        }
        known: dict[str, Fact] = {
            "version": __version__,
            GENERATION: DEFAULTS_GENERATION,
            "source": redact(self.source),
            "fingerprint": self.fingerprint,
            "ingredients": self.ingredients,
            "used": self.used,
        }
        lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
        lines += ["", f"[{TABLE}]"]
        lines += [f"{name} = {_toml(value)}" for name, value in {**known, **info}.items() if value != ""]
        if self.options:
            lines += ["", f"[{TABLE}.options]"]
            lines += [f"{name} = {_toml(value)}" for name, value in self.options.items()]
        return "\n".join(lines).lstrip("\n") + "\n"

    def differences(self, text: str) -> list[str]:
        """Return the names of the controls, options and files in which the recipe in `text` differs from this one.

        Versions, file names and `used` are not compared. Raises ArgumentError when `text` is not a recipe.
        """
        other, own = _comparable(text), _comparable(self.text())
        return [name for name in dict.fromkeys([*own, *other]) if other.get(name) != own.get(name)]


def library_versions() -> dict[str, str]:
    """Return the versions of LIBRARIES here."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def in_ascii(toml: str) -> str:
    """Return a recipe with all characters outside ASCII escaped; they occur only in strings."""
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\U{ord(found[0]):08x}", toml)


def controls_in(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the controls in `table`, a preset or a recipe as read from TOML, by their current names.

    Controls of older versions are translated. name: the name of the file, for messages. Raises ArgumentError.
    """
    rest = table.get(TABLE)
    if rest is not None and not isinstance(rest, Mapping):
        raise ArgumentError(
            f"{name}: {TABLE} must be a table, got {quoted_value(rest)}", f"write [{TABLE}], or nothing"
        )
    generation = rest.get(GENERATION) if rest is not None else None
    controls = {control: value for control, value in table.items() if control != TABLE}
    return upgraded(controls, is_recipe=rest is not None, generation=generation, name=name)


def about(text: str) -> dict[str, Any]:
    """Return the table of a recipe with everything that is not a control; empty when `text` is not a recipe."""
    try:
        table = parse_toml(text, "the recipe").get(TABLE)
    except ArgumentError:
        return {}
    return table if isinstance(table, dict) else {}


def without_end(text: str) -> dict[str, Any] | None:
    """Return a parsed recipe without the facts that are known only at the end; None when `text` is not a recipe."""
    if not about(text):
        return None
    recipe = parse_toml(text, "the recipe")
    recipe[TABLE] = {name: of for name, of in recipe[TABLE].items() if name not in ("frames", COMPLETE)}
    return recipe


def fingerprint(paths: Iterable[Path]) -> str:
    """Return 32 hexadecimal digits that identify these files, from their sizes and the bytes at both ends.

    Names and dates do not count: a video that is moved or copied stays the same. Without files the fingerprint is "".
    Raises SourceError when a file cannot be read.
    """
    digest = hashlib.sha256()
    path = None
    for path in paths:
        try:
            with open_regular(path) as file:
                size = file.seek(0, 2)
                digest.update(size.to_bytes(8, "little"))
                for place in (0, max(0, size - ENDS)):
                    file.seek(place)
                    digest.update(file.read(ENDS))
        except ValueError as error:  # a zero byte
            raise SourceError(f"invalid file name: {path}", "check the name") from error
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}", "check the name and the permissions of the file") from error
    if path is None:
        return ""
    return digest.hexdigest()[:32]


def _comparable(text: str) -> dict[str, object]:
    """Return the values that two recipes must share to make the same output."""
    whole = parse_toml(text, "the recipe")
    table, rest = controls_in(whole, "the recipe"), whole.get(TABLE, {})
    options = rest.get("options", {})
    if not isinstance(options, Mapping):
        raise ArgumentError(f"the recipe: options must be a table, got {quoted_value(options)}")
    defaults = dataclasses.asdict(DreamSettings())
    files = {"source": rest.get("fingerprint"), "ingredients": rest.get("ingredients")}
    return {**defaults, **table, **files, **options}


def _toml(value: Fact) -> str:
    # By hand: a recipe has comments, which TOML writers do not write, and values of four types.
    if isinstance(value, str):
        # A file name may contain bytes that are not text. TOML escapes the same characters as JSON, and this one.
        return json.dumps(value.encode(errors="replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
