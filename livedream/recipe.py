"""The recipe of an output: the settings that made it, as TOML that is a preset, and beside them what is known of it."""

import dataclasses
import hashlib
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
from livedream.urls import shown

TABLE = "livedream"
"""The table of the recipe that holds all that is no control, and the name of the recipe inside a PNG."""
COMPLETE = "complete"
"""The key in that table that says whether the source was dreamt to its end."""
ENDS = 1 << 20
"""Bytes at either end of a file that its fingerprint covers: all of a 100 GB film would take minutes."""

Fact = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an output is made."""

    settings: DreamSettings
    source: str = ""
    """What is dreamt, as it was named."""
    fingerprint: str = ""
    """The `fingerprint` of what is dreamt."""
    ingredients: str = ""
    """The `fingerprint` of the other files that it is made of: guides, masks, directions, weights of one's own."""
    used: str = ""
    """What dreams: device, precision, network, layer and size. `auto` in the settings says less."""
    options: Mapping[str, Fact] = field(default_factory=dict)
    """What the output depends on beside the settings: how it is encoded, which part of the source it shows."""

    def text(self, **info: Fact) -> str:
        """Return the recipe as TOML. facts: more lines for its table, known when the output is closed."""
        settings = {
            control.name: value
            for control in CONTROLS
            if (value := getattr(self.settings, control.name)) != control.default
        }
        known: dict[str, Fact] = {
            "version": __version__,
            GENERATION: DEFAULTS_GENERATION,
            "source": shown(self.source),
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
        """Return in what the recipe written in `text` differs: controls, options, files; none when it is this one.

        Versions, names and what was used are not compared. Raises ArgumentError when `text` is no recipe.
        """
        then, now = _essence(text), _essence(self.text())
        return [name for name in dict.fromkeys([*now, *then]) if then.get(name) != now.get(name)]


def in_ascii(toml: str) -> str:
    """Return a recipe with escapes for all that is not ASCII; that stands in strings alone."""
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\U{ord(found[0]):08x}", toml)


def controls_in(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the controls in `table`, a preset or a recipe as read from TOML, by the names they have today.

    Those of an older livedream are translated. name: of the file, for messages. Raises ArgumentError.
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
    """Return the table of a recipe that holds what is no control; empty when `text` is no recipe."""
    try:
        table = parse_toml(text, "the recipe").get(TABLE)
    except ArgumentError:
        return {}
    return table if isinstance(table, dict) else {}


def without_end(text: str) -> dict[str, Any] | None:
    """Return a recipe, read, without what is known only at the end of its output; None when `text` is none."""
    if not about(text):
        return None
    recipe = parse_toml(text, "the recipe")
    recipe[TABLE] = {name: of for name, of in recipe[TABLE].items() if name not in ("frames", COMPLETE)}
    return recipe


def fingerprint(paths: Iterable[Path]) -> str:
    """Return 32 digits that tell these files from others: of their sizes and of the bytes at both ends.

    Not of their names and dates: a film that is moved or copied is the same film. No files have the fingerprint "".
    Raises SourceError when one cannot be read.
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
            raise SourceError(f"no file can be called {path}", "check the name") from error
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}", "check the name and the rights of the file") from error
    if path is None:
        return ""
    return digest.hexdigest()[:32]


def _essence(text: str) -> dict[str, object]:
    """Return what two recipes must agree in to make the same output."""
    whole = parse_toml(text, "the recipe")
    table, rest = controls_in(whole, "the recipe"), whole.get(TABLE, {})
    options = rest.get("options", {})
    if not isinstance(options, Mapping):
        raise ArgumentError(f"the recipe: options must be a table, got {quoted_value(options)}")
    defaults = dataclasses.asdict(DreamSettings())
    files = {"source": rest.get("fingerprint"), "ingredients": rest.get("ingredients")}
    return {**defaults, **table, **files, **options}


def _toml(value: Fact) -> str:
    if isinstance(value, str):
        # A file's name may hold bytes that are no text. What JSON escapes, TOML escapes alike; but for this one.
        return json.dumps(value.encode(errors="replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
