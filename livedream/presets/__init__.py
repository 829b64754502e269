"""Named looks: DreamSettings written down as TOML, shipped in this folder or kept in a file of one's own."""

import tomllib
from pathlib import Path

from livedream.errors import ArgumentError, unknown
from livedream.settings import DreamSettings

_folder = Path(__file__).parent


def preset_names() -> list[str]:
    """Return the names of the presets that ship with livedream, in alphabetical order."""
    return sorted(path.stem for path in _folder.glob("*.toml"))


def load_preset(name: str) -> DreamSettings:
    """Return the settings of the preset called `name`, or of the TOML file of that path.

    A preset names the controls in which it differs from the defaults. Raises ArgumentError for an unknown name, a file
    that is not TOML, an unknown control and a wrong value.
    """
    return DreamSettings().replace(**_read(name)[1])


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
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path} is not TOML: {error}", 'write lines such as layers = "fire9"') from error
    return str(table.pop("description", "")), table
