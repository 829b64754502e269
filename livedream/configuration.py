"""Persistent settings: what a user sets once, in environment variables or the config file, for every run.

An option of the command line wins over a variable, a variable over the file, and the file over the defaults.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from livedream.errors import ArgumentError, unknown
from livedream.models import find_network
from livedream.presets import load_preset
from livedream.printable import quoted_value
from livedream.settings import CONTROLS
from livedream.untrusted import parse_toml, read_text

PREFIX = "LIVEDREAM_"
MODEL, DEVICE, PRECISION, PRESET = "model", "device", "precision", "preset"
KEYS = (MODEL, DEVICE, PRECISION, PRESET)
"""The keys of the config file; the variables are these in capital letters, after the prefix."""
AUTO = "auto"
EXAMPLE = 'device = "cpu"'


@dataclass(frozen=True, slots=True)
class Choice:
    """One persistent setting, already checked."""

    key: str
    value: str
    origin: str
    """The name of the variable, or the path of the file."""
    is_from_file: bool

    def __str__(self) -> str:
        return f"{self.key} = {self.value}, set by {self.origin}"


def config_file() -> Path:
    """Return the path of this user's config file, which need not exist."""
    return platformdirs.user_config_path("livedream", appauthor=False) / "config.toml"


def variable(key: str) -> str:
    """Return the environment variable that sets `key`: `LIVEDREAM_DEVICE`."""
    return f"{PREFIX}{key.upper()}"


def persistent_settings() -> dict[str, Choice]:
    """Return the choices in force by key; variables win over the config file.

    Raises:
        ArgumentError: a value is wrong, a key is unknown, or the file cannot be read. The message begins with the
            variable or the path of the file.
    """
    return {**choices_in_file(config_file()), **choices_in_environment(os.environ)}


def choices_in_environment(environment: Mapping[str, str]) -> dict[str, Choice]:
    """Return the choices in environment variables; an empty one counts as unset. Raises as `persistent_settings`."""
    return {
        key: _checked(key, value, variable(key), folder=None)
        for key in KEYS
        if (value := environment.get(variable(key), ""))
    }


def choices_in_file(path: Path) -> dict[str, Choice]:
    """Return the choices in the config file `path`; none if it does not exist. Raises as `persistent_settings`."""
    try:
        text = read_text(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ArgumentError(f"{path} cannot be read: {reason}", "repair or remove it") from error
    table = parse_toml(text, str(path), kind="a config file", example=EXAMPLE)
    for key in table:
        if key not in KEYS:
            raise _unknown_key(key, path)
    return {key: _checked(key, value, str(path), folder=path.parent) for key, value in table.items()}


def misspelled_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like a misspelled one of livedream, each with the probable name."""
    ours = [variable(key) for key in KEYS]
    near = {
        name: difflib.get_close_matches(name, ours, n=1, cutoff=0.85)
        for name in environment
        if name.startswith(PREFIX) and name not in ours
    }
    return {name: meant[0] for name, meant in near.items() if meant}


def _unknown_key(key: str, path: Path) -> ArgumentError:
    if any(key == control.name for control in CONTROLS):
        return ArgumentError(
            f"{path}: {key} cannot be set here, only {', '.join(KEYS)}",
            'put it in your own preset, and name that here: preset = "mine.toml"',
        )
    error = unknown("key", quoted_value(key)[1:-1], KEYS)
    return ArgumentError(f"{path}: {error}", error.hint)


def _checked(key: str, value: Any, origin: str, *, folder: Path | None) -> Choice:
    """Return the checked choice. folder: where relative paths start; None for the current folder."""
    try:
        if not isinstance(value, str) or not value:
            _check_control(key, value)
            raise ArgumentError(f"{key} must be text, got {quoted_value(value)}", f"put a name in quotes: {EXAMPLE}")
        if key == MODEL and value != AUTO:
            find_network(value)
        elif key == PRESET:
            value = _preset(value, folder)
        else:
            _check_control(key, value)
    except ArgumentError as error:
        raise ArgumentError(f"{origin}: {error}", error.hint) from error
    return Choice(key, value, origin, is_from_file=folder is not None)


def _check_control(key: str, value: Any) -> None:
    for control in CONTROLS:
        if control.name == key and (fault := control.fault(value)):
            raise ArgumentError(fault, f"use one of these values, or leave {key} out")


def _preset(value: str, folder: Path | None) -> str:
    """Return the name of a preset, or the path of an existing file."""
    if not Path(value).suffix:
        load_preset(value)
        return value
    path = (folder or Path()) / Path(value).expanduser()
    if not path.exists():
        raise ArgumentError(f"no such preset file: {path}", "check the name, or use a preset from `livedream presets`")
    return str(path)
