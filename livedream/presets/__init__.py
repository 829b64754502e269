"""Named looks: DreamSettings written down as TOML, shipped in this folder or kept in a file of one's own."""

import tomllib
from pathlib import Path

from livedream.errors import ArgumentError, unknown
from livedream.recipe import TABLE
from livedream.settings import DreamSettings

_folder = Path(__file__).parent


def preset_names() -> list[str]:
    """Return the names of the presets that ship with livedream, in alphabetical order."""
    return sorted(path.stem for path in _folder.glob("*.toml"))


def load_preset(name: str) -> DreamSettings:
    """Return the settings of the preset called `name`, or of the TOML file of that path.

    A preset names the controls in which it differs from the defaults; the recipe of an output is one too. Raises
    ArgumentError for an unknown name, a file that is not TOML, an unknown control and a wrong value.
    """
    return DreamSettings().replace(**_read(name)[1])


def parse_preset(text: str, name: str) -> DreamSettings:
    """Return the settings of the preset written in `text`; `name` says in errors where it stands. As `load_preset`."""
    return DreamSettings().replace(**_parse(text, name)[1])


def preset_description(name: str) -> str:
    """Return the sentence that says what the preset called `name` looks like."""
    return _read(name)[0]


def _read(name: str) -> tuple[str, dict[str, object]]:
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise ArgumentError(f"no such preset file: {path}", f"or name one of {', '.join(preset_names())}")
    else:
        path = _folder / f"{name}.toml"
        if name not in preset_names():
            raise unknown("preset", name, preset_names())
    return _parse(path.read_bytes(), str(path))


def _parse(text: str | bytes, name: str) -> tuple[str, dict[str, object]]:
    try:
        table = tomllib.loads(text if isinstance(text, str) else text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{name} is not TOML: {error}", 'write lines such as layers = "fire9"') from error
    table.pop(TABLE, None)
    return str(table.pop("description", "")), table
