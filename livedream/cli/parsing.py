"""The controls of a dream as options of a command."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import click

from livedream.errors import ArgumentError
from livedream.presets import FILM, LIVE, STILL, load_preset
from livedream.presets.tour import SECONDS
from livedream.settings import CONTROLS, Control
from livedream.urls import shown

Command = TypeVar("Command", bound=Callable[..., Any])


def flag(control: Control) -> str:
    """Return the option that sets `control`: `--step-size`."""
    return f"--{control.name.replace('_', '-')}"


class ControlOption(click.Option):
    """The option of a control, with the range as its metavar. Its help ends with the default of the command's presets.

    presets: with which the command begins when nobody names one; none of them where it begins with no preset.
    """

    def __init__(self, control: Control, presets: Sequence[str]) -> None:
        help = control.help[:1].upper() + control.help[1:] + (f" in {control.unit}" if control.unit else "")
        super().__init__([flag(control)], metavar=_metavar(control), help=help)
        self._control = control
        self._presets = [name for name in presets if control.only in (None, "pictures" if name == STILL else "films")]

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        # Not in __init__: the presets are files, and only help needs them.
        return None if record is None else (record[0], f"{record[1]} [default: {self._default()}]")

    def _default(self) -> str:
        values = [getattr(load_preset(name), self._control.name) for name in self._presets] or [self._control.default]
        if len(set(values)) == 1:
            return _text(values[0])
        return ", ".join(f"{name} {_text(value)}" for name, value in zip(self._presets, values, strict=True))


def _metavar(control: Control) -> str:
    """Return the allowed values: `1-20`, `-1..2`, `max|average`, TEXT."""
    if control.choices:
        return "|".join(control.choices)
    if control.kind is str:
        return "TEXT"
    return f"{control.low:g}{'..' if control.low < 0 else '-'}{control.high:.10g}"


def _text(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"


MOVING, STILLS = (
    tuple(control.name for control in CONTROLS if control.only in (None, kind)) for kind in ("films", "pictures")
)
"""The controls that have an effect on films and live sources, and those that have one on pictures."""


def control_options(
    names: Collection[str] | None = None, *, presets: Sequence[str] = (FILM, LIVE, STILL)
) -> list[click.Parameter]:
    """Return an option for each control, or for those of the `names` alone.

    presets: with which the command begins when nobody names one.
    """
    return [ControlOption(control, presets) for control in CONTROLS if names is None or control.name in names]


def output_option(metavar: str, help: str, *, multiple: bool = False) -> Callable[[Command], Command]:
    """Return the option that says where the result goes, by all its names; the command gets it as `sinks` or `sink`."""

    def take_one(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> str | None:
        if len(given) > 1:
            raise ArgumentError(f"this command takes one --to, got {' and '.join(map(shown, given))}", "leave one out")
        return given[0] if given else None

    return click.option(
        *("-o", "--output", "--to", "sinks" if multiple else "sink"),
        metavar=metavar,
        multiple=True,
        callback=None if multiple else take_one,
        help=help,
    )


def overwrite_option(help: str = "Replace existing files") -> Callable[[Command], Command]:
    """Return the option that lets a command replace files."""
    return click.option("-y", "--overwrite", is_flag=True, help=help)


def given_controls(controls: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the values of the controls that were given on the command line, by name."""
    return {
        control.name: control.parse(text) for control in CONTROLS if (text := controls.get(control.name)) is not None
    }


def tour_option() -> click.Option:
    """Return the option for a tour, whose value may be left out."""
    return click.Option(
        ["--tour"],
        metavar="[TIME]",
        is_flag=False,
        flag_value=f"{SECONDS}",
        help=f"Go through the presets, TIME each [default: {SECONDS}s]",
    )
