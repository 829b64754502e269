"""The controls of a dream as options of a command."""

from collections.abc import Mapping
from typing import Any

import click

from livedream.presets.tour import LEAST, MOST, SECONDS
from livedream.settings import CONTROLS, Control


def flag(control: Control) -> str:
    """Return the option that sets `control`: `--step-size`."""
    return f"--{control.name.replace('_', '-')}"


def _option(control: Control) -> click.Option:
    if control.choices:
        metavar, allowed = "|".join(control.choices), ""
    else:
        metavar = {int: "N", float: "X", str: "TEXT"}[control.kind]
        allowed = (
            "" if control.kind is str else f"{control.low:g} to {control.high:.10g} {control.unit}".rstrip() + "; "
        )
    default = f"{control.default:g}" if isinstance(control.default, float) else control.default
    keys = f"; keys {' '.join(control.keys)}" if control.keys else ""
    return click.Option([flag(control)], metavar=metavar, help=f"{control.help} [{allowed}default {default}{keys}]")


def control_options(*names: str) -> list[click.Parameter]:
    """Return an option for each control, or for those of the `names` alone."""
    return [_option(control) for control in CONTROLS if not names or control.name in names]


def given_controls(controls: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the values of the controls that were given on the command line, by name."""
    return {
        control.name: control.parse(text) for control in CONTROLS if (text := controls.get(control.name)) is not None
    }


def tour_option() -> click.Option:
    """Return the option for a tour, whose value may be left out."""
    return click.Option(
        ["--tour"],
        metavar="[SECONDS]",
        is_flag=False,
        flag_value=f"{SECONDS}",
        help="of films and what is live: presets follow one another by themselves, in an order drawn by --seed; each "
        f"stays for so many seconds [{LEAST} to {MOST}, default {SECONDS}; key t]",
    )
