"""Lasting choices: the config file and the variables of the environment."""

import os
from collections.abc import Iterator

from livedream.configuration import (
    AUTO,
    KEYS,
    PREFIX,
    PRESET,
    choices_in_environment,
    choices_in_file,
    config_file,
    lasting_choices,
    misspelled_variables,
    variable,
)
from livedream.doctor.finding import Finding
from livedream.errors import ArgumentError
from livedream.settings import DreamSettings


def findings() -> Iterator[Finding]:
    yield config()
    yield variables()
    for wrong, right in misspelled_variables(os.environ).items():
        yield Finding("variables", False, f"{wrong} is unknown and has no effect", f"did you mean {right}?")


def config() -> Finding:
    """Where the config file is, and what it sets."""
    path = config_file()
    try:
        chosen = choices_in_file(path)
    except ArgumentError as error:
        return Finding("config", False, str(error), error.hint.command_line, needed=True)
    told = ", ".join(f"{choice.key} = {choice.value}" for choice in chosen.values()) or "sets nothing"
    return Finding("config", True, f"{path}: {told}" if path.exists() else f"{path} (no such file, none is needed)")


def variables() -> Finding:
    """Which variables of ours are set. The values of those that are no choices are not shown: they may be secret."""
    try:
        chosen = choices_in_environment(os.environ)
    except ArgumentError as error:
        return Finding("variables", False, str(error), error.hint.command_line, needed=True)
    ours = {variable(key) for key in KEYS}
    told = [f"{variable(key)}={choice.value}" for key, choice in chosen.items()]
    told += sorted(name for name, value in os.environ.items() if name.startswith(PREFIX) and name not in ours and value)
    return Finding("variables", True, ", ".join(told) or "none is set")


def settings() -> DreamSettings:
    """Return the settings with which runs begin here, but for the preset; the defaults where the choices are wrong."""
    try:
        chosen = lasting_choices()
    except ArgumentError:  # `findings` tell of it
        return DreamSettings()
    return DreamSettings().replace(
        **{choice.key: choice.value for choice in chosen.values() if choice.key != PRESET and choice.value != AUTO}
    )
