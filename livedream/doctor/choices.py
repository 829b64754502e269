"""Persistent settings: the config file and environment variables."""

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
    misspelled_variables,
    persistent_settings,
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
    """Return the path of the config file and its settings."""
    path = config_file()
    try:
        chosen = choices_in_file(path)
    except ArgumentError as error:
        return Finding("config", False, str(error), error.hint.command_line, needed=True)
    listed = ", ".join(f"{choice.key} = {choice.value}" for choice in chosen.values()) or "sets nothing"
    return Finding("config", True, f"{path}: {listed}" if path.exists() else f"{path} does not exist (it is optional)")


def variables() -> Finding:
    """Return the variables of livedream that are set. Values of other variables may be secret."""
    try:
        chosen = choices_in_environment(os.environ)
    except ArgumentError as error:
        return Finding("variables", False, str(error), error.hint.command_line, needed=True)
    ours = {variable(key) for key in KEYS}
    listed = [f"{variable(key)}={choice.value}" for key, choice in chosen.items()]
    listed += sorted(
        name for name, value in os.environ.items() if name.startswith(PREFIX) and name not in ours and value
    )
    return Finding("variables", True, ", ".join(listed) or "none is set")


def settings() -> DreamSettings:
    """Return the defaults with the persistent settings but no preset; the defaults if they are invalid."""
    try:
        chosen = persistent_settings()
    except ArgumentError:  # `findings` reports it
        return DreamSettings()
    return DreamSettings().replace(
        **{choice.key: choice.value for choice in chosen.values() if choice.key != PRESET and choice.value != AUTO}
    )
