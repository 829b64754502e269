"""Parses the command line: the controls as options, and sizes, rates, times and tours as values."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any, TypeVar

import click

from livedream.cli.addresses import looks_like_source
from livedream.control import Control
from livedream.errors import ArgumentError
from livedream.presets import FILM, LIVE, STILL, load_preset
from livedream.presets.tour import LEAST, MOST, SECONDS
from livedream.printable import quoted_value
from livedream.quantities import exact_rate
from livedream.settings import CONTROLS
from livedream.urls import redact

Command = TypeVar("Command", bound=Callable[..., Any])

_RATE = re.compile(r"\d{1,9}(\.\d{0,99}|/\d{1,9})?|\.\d{1,99}", re.ASCII)
MAX_PIXELS = 2**27
"""The largest frame, as for videos: 16384x8192."""
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII | re.IGNORECASE)
TIME_EXAMPLES = "90, 90.5s, 1m30s, 1:30, 1:02:03.5 or 250ms"
# At most nine digits before the point, 31 years: FFmpeg counts in 64 bits, in units down to a nanosecond.
_TIME_NUMBER = r"\d{1,9}(?:\.\d{0,99})?|\.\d{1,99}"
_SECONDS = re.compile(_TIME_NUMBER, re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,5}):)?([0-5]?\d):([0-5]?\d(?:\.\d{0,99})?)", re.ASCII)
_TIME_UNITS = re.compile(
    "".join(rf"(?:({_TIME_NUMBER})\s*{unit}\s*)?" for unit in ("h", "m", "s", "ms")), re.ASCII | re.IGNORECASE
)
_SECONDS_OF = (Fraction(3600), Fraction(60), Fraction(1), Fraction(1, 1000))
"""The seconds per unit."""


# Options


def flag(control: Control) -> str:
    """Return the option that sets `control`: `--step-size`."""
    return f"--{control.name.replace('_', '-')}"


class ControlOption(click.Option):
    """The option of a control, with its range as the metavar. Its help ends with the defaults in `presets`.

    presets: the default presets of the command; empty if it uses none.
    """

    def __init__(self, control: Control, presets: Sequence[str]) -> None:
        help = control.help[:1].upper() + control.help[1:] + (f" in {control.unit}" if control.unit else "")
        super().__init__([flag(control)], metavar=_metavar(control), help=help)
        self._control = control
        self._presets = [name for name in presets if control.only in (None, "pictures" if name == STILL else "videos")]

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        # Not in __init__: the presets are files, which only the help needs.
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
    tuple(control.name for control in CONTROLS if control.only in (None, kind)) for kind in ("videos", "pictures")
)
"""The names of the controls for videos and live sources, and of those for pictures."""


def control_options(
    names: Collection[str] | None = None, *, presets: Sequence[str] = (FILM, LIVE, STILL)
) -> list[click.Parameter]:
    """Return an option for each control, or only for those in `names`. presets: see ControlOption."""
    return [ControlOption(control, presets) for control in CONTROLS if names is None or control.name in names]


def output_option(metavar: str, help: str, *, multiple: bool = False) -> Callable[[Command], Command]:
    """Return the option for the output, by all its names; the command gets it as `sinks` or `sink`."""

    def take_one(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> str | None:
        if len(given) > 1:
            raise ArgumentError(f"this command takes one --to, got {' and '.join(map(redact, given))}", "leave one out")
        return given[0] if given else None

    return click.option(
        *("-o", "--output", "--to", "sinks" if multiple else "sink"),
        metavar=metavar,
        multiple=True,
        callback=None if multiple else take_one,
        help=help,
    )


def overwrite_option(help: str = "Replace existing files") -> Callable[[Command], Command]:
    """Return the option to replace existing files."""
    return click.option("-y", "--overwrite", is_flag=True, help=help)


def given_controls(controls: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the values of the controls that were given on the command line, by name."""
    return {
        control.name: control.parse(text) for control in CONTROLS if (text := controls.get(control.name)) is not None
    }


def tour_option() -> click.Option:
    """Return the option for a tour, whose value is optional."""
    return click.Option(
        ["--tour"],
        metavar="[TIME]",
        is_flag=False,
        flag_value=f"{SECONDS}",
        help=f"Tour through presets, TIME each [default: {SECONDS}s]",
    )


# Values


def parse_size(text: str) -> tuple[int, int]:
    """Return (width, height) in pixels. Raises ArgumentError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ArgumentError(
            f"invalid size {quoted_value(text)}: expected WIDTHxHEIGHT", "give pixels, for example 1280x720"
        )
    width, height = int(match[1]), int(match[2])
    if width * height > MAX_PIXELS:
        gigabytes = 3 * width * height / 1e9
        hint = f"use at most {MAX_PIXELS // 10**6} million pixels, for example 7680x4320"
        raise ArgumentError(f"size {text.strip()} is too large: a frame would take {gigabytes:.1f} GB", hint)
    return width, height


def parse_rate(text: str) -> Fraction:
    """Return frames per second, exactly: 29.97 is 30000/1001. Raises ArgumentError."""
    text = text.strip()
    # Fraction would also accept 1e999999999, and never return.
    if _RATE.fullmatch(text):
        with suppress(ZeroDivisionError, ArgumentError):
            return exact_rate(float(text) if "." in text else Fraction(text))
    raise ArgumentError(
        f"invalid rate {quoted_value(text)}", "give 0.1 to 1000 frames per second, for example 30, 29.97 or 30000/1001"
    )


def parse_length(text: str) -> Fraction:
    """Return a duration in seconds, more than 0. Raises ArgumentError."""
    seconds = parse_moment(text)
    if not seconds:
        raise ArgumentError(f"invalid duration {quoted_value(text)}", f"give more than 0, for example {TIME_EXAMPLES}")
    return seconds


def given_tour(sources: tuple[str, ...], tour: str | None) -> tuple[tuple[str, ...], Fraction | None]:
    """Return the sources, and the seconds for which each preset of a tour stays; None without a tour.

    In `--tour film.mp4`, the video is a source, not a time. Raises ArgumentError.
    """
    if tour is not None and not tour[:1].isdecimal() and looks_like_source(tour):
        return (tour, *sources), Fraction(SECONDS)
    return sources, None if tour is None else parse_tour(tour)


def parse_tour(text: str) -> Fraction:
    """Return the seconds for which each preset of a tour stays. Raises ArgumentError."""
    try:
        seconds = parse_moment(text)
    except ArgumentError:
        seconds = Fraction(0)
    if not LEAST <= seconds <= MOST:
        hint = f"give {LEAST} to {MOST} seconds, for example --tour=30, or put --tour last to use {SECONDS} s"
        raise ArgumentError(f"invalid time per preset of a tour: {quoted_value(text)}", hint)
    return seconds


def parse_moment(text: str) -> Fraction:
    """Return the exact seconds of `text`: `12.04`, `1m30s`, `250ms`, `mm:ss` or `hh:mm:ss.ms`.

    Raises ArgumentError.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return Fraction(text)
    if found := _CLOCK.fullmatch(text):
        hours, minutes, seconds = found.groups()
        return 3600 * Fraction(hours or 0) + 60 * Fraction(minutes) + Fraction(seconds)
    if text and (found := _TIME_UNITS.fullmatch(text)):
        parts = zip(found.groups(), _SECONDS_OF, strict=True)
        seconds = sum((Fraction(number) * of for number, of in parts if number), Fraction(0))
        if seconds < 10**9:
            return seconds
    raise ArgumentError(f"invalid time {quoted_value(text)}", f"for example {TIME_EXAMPLES}")
