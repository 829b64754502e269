"""Persistent settings as the defaults of a command's options."""

import functools
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from livedream.configuration import (
    AUTO,
    DEVICE,
    MODEL,
    PRECISION,
    PRESET,
    Choice,
    misspelled_variables,
    persistent_settings,
    variable,
)
from livedream.errors import ArgumentError, LivedreamError
from livedream.hints import Hint

log = logging.getLogger(__name__)

KEYS_OF = {
    "run": (PRESET, MODEL, DEVICE, PRECISION),
    "studio": (PRESET, MODEL, DEVICE, PRECISION),
    "demo": (PRESET, MODEL, DEVICE, PRECISION),
    "farm": (PRESET, MODEL, DEVICE, PRECISION),
    "plan": (PRESET, MODEL, DEVICE, PRECISION),
    "zoom": (MODEL, DEVICE, PRECISION),
    "layers": (MODEL, DEVICE, PRECISION),
    "visualize": (MODEL, DEVICE, PRECISION),
    "bench": (DEVICE, PRECISION),
}
"""The choices that apply to a command.

A preset for videos and cameras can neither zoom nor draw from noise, and a benchmark compares results of one network.
"""


def use_persistent_settings(command: click.Command) -> None:
    """Use persistent settings as defaults for the options of `command`."""
    keys = KEYS_OF.get(command.name or "", ())
    callback = command.callback
    if not keys or callback is None:
        return
    variables = ", ".join(map(variable, keys))
    note = f"The variables {variables} and a config file set these options for every run: see livedream config."
    command.epilog = f"{command.epilog or ''}\n\n{note}".lstrip()

    @functools.wraps(callback)
    def with_choices(**options: Any) -> Any:
        context = click.get_current_context()
        taken = {choice.key: choice for choice in applicable(context, keys)}
        for choice in taken.values():
            source = ParameterSource.DEFAULT_MAP if choice.is_from_file else ParameterSource.ENVIRONMENT
            context.set_parameter_source(choice.key, source)
            context.params[choice.key] = options[choice.key] = choice.value
            log.info("%s", choice)
        try:
            return callback(**options)
        except (ArgumentError, LivedreamError) as error:
            _name_origin(error, taken)
            raise

    command.callback = with_choices


def applicable(context: click.Context, keys: tuple[str, ...]) -> list[Choice]:
    """Return the choices that apply to this call: those for options of the command that were not given.

    A preset file or recipe names the network of its layers, which wins over a model chosen at a lower level:
    `--preset dream.mp4` gives the same look whatever the config file says.
    """
    warn_of_misspelled_variables()
    chosen = persistent_settings()
    is_open = {key for key in keys if context.get_parameter_source(key) is ParameterSource.DEFAULT}
    found = {key: choice for key, choice in chosen.items() if key in is_open and choice.value != AUTO}
    preset = found.get(PRESET)
    name = preset.value if preset else context.params.get(PRESET)
    if name is not None and Path(name).suffix and MODEL in found:
        above = preset is None or (found[MODEL].is_from_file and not preset.is_from_file)
        if above:
            del found[MODEL]
    return list(found.values())


def warn_of_misspelled_variables() -> None:
    """Warn of variables that look like a misspelled variable of livedream."""
    for wrong, right in misspelled_variables(os.environ).items():
        log.warning("the variable %s is unknown and has no effect; did you mean %s?", wrong, right)


def _name_origin(error: ArgumentError | LivedreamError, taken: Mapping[str, Choice]) -> None:
    """Add to the hint which persistent setting an error is about, because the user did not type it."""
    text = f"{error} {error.hint.command_line}".lower()
    blamed = [str(choice) for choice in taken.values() if choice.value.lower() in text]
    if blamed:
        # This is shown on the command line only, so the Python form of the hint is dropped.
        error.hint = Hint("; ".join(filter(None, [error.hint.command_line, f"note: {' and '.join(blamed)}"])))
