"""The options that say how a film is played: --loop, --speed, --sound."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import click

from livedream.cli.addresses import looks_like_source
from livedream.errors import ArgumentError
from livedream.printable import quoted_value
from livedream.sink.open import keeps_every_frame, leaves_a_file

SLOWEST, FASTEST = Fraction(1, 10), Fraction(10)
MOST_ROUNDS = 10**6
_ENDLESS = "endless"
_SPEED = re.compile(r"(\d{1,3}(\.\d{0,9})?|\.\d{1,9})x?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlaybackOptions:
    """How a film is played."""

    loop: bool = False
    rounds: int | None = None
    """With `loop`: how many times; None for as often as is wanted."""
    speed: Fraction | None = None
    """None where nobody asked for one: 1 in a window, as fast as possible into a file."""
    sound: bool = False

    @property
    def is_endless(self) -> bool:
        return self.loop and self.rounds is None

    @property
    def is_watched(self) -> bool:
        """Whether it is asked for what only a window can show, where no sink is named."""
        return self.is_endless or self.speed is not None or self.sound

    def check(self, sinks: Sequence[str], *, ends: bool) -> None:
        """Raise ArgumentError where these sinks cannot be played to like that. ends: whether the source has an end."""
        files = [sink for sink in sinks if leaves_a_file(sink)]
        if files and not ends:
            text = f"--loop without a number never ends, and {files[0]} would fill the disk"
            raise ArgumentError(text, "say how often (--loop 10) or how long (-t 10m)")
        if self.speed is not None and len(files) == len(sinks):
            hint = "leave it out: a file keeps the times of its source"
            raise ArgumentError("--speed is for windows, virtual cameras and streams", hint)
        if self.sound and not self.plays(sinks):
            raise ArgumentError("--sound is for what is played", "play it --to window, or beside a file with --speed 1")

    def check_several(self, *, ends: bool) -> None:
        """Raise ArgumentError for what several sources cannot do. ends: whether a duration ends each of them."""
        for option, is_given in (("--speed", self.speed is not None), ("--sound", self.sound)):
            if is_given:
                raise ArgumentError(f"{option} is for one film, and several sources are named", "name one")
        if self.is_endless and not ends:
            raise ArgumentError("--loop without a number never ends, and several sources are named", "use --loop N")

    def plays(self, sinks: Sequence[str]) -> bool:
        """Return whether a film is played to these sinks at a pace, and not dreamt as fast as possible."""
        return self.speed is not None or (is_played(sinks) and not any(map(keeps_every_frame, sinks)))


def is_played(sinks: Sequence[str]) -> bool:
    """Return whether somebody watches one of these sinks."""
    return any(not keeps_every_frame(sink) and sink != "null" for sink in sinks)


def playback_options() -> list[click.Parameter]:
    """Return the options, for a command whose sources are films."""
    return [
        click.Option(
            ["--loop"],
            metavar="[N]",
            is_flag=False,
            flag_value=_ENDLESS,
            help="Play a film N times, or without end; a picture goes on dreaming",
        ),
        click.Option(
            ["--speed"],
            metavar=f"{float(SLOWEST):g}-{float(FASTEST):g}",
            help="Speed of a film in a window or stream [default: 1; as fast as possible beside a file]",
        ),
        click.Option(
            ["--sound/--no-sound"],
            default=False,
            help="Play the sound of a film in a window [default: --no-sound]",
        ),
    ]


def given_playback(
    sources: tuple[str, ...], loop: str | None, speed: str | None, sound: bool
) -> tuple[tuple[str, ...], PlaybackOptions]:
    """Return the sources and the options as they were meant: in `--loop film.mp4` the film is no number.

    Raises ArgumentError.
    """
    rounds = None
    if loop is not None and loop != _ENDLESS:
        if loop.isdecimal() or not looks_like_source(loop):
            rounds = int(loop) if loop.isdecimal() and len(loop) < 8 else 0
            if not 1 <= rounds <= MOST_ROUNDS:
                text = f"--loop takes a whole number from 1 to {MOST_ROUNDS}, got {quoted_value(loop)}"
                raise ArgumentError(text, "leave the number out to play without end")
        else:
            sources = (loop, *sources)
    return sources, PlaybackOptions(loop=loop is not None, rounds=rounds, speed=_parse_speed(speed), sound=sound)


def _parse_speed(text: str | None) -> Fraction | None:
    if text is None:
        return None
    found = _SPEED.fullmatch(text.strip())
    value = Fraction(found[1]) if found else Fraction(0)
    if not SLOWEST <= value <= FASTEST:
        hint = f"give {float(SLOWEST):g} to {float(FASTEST):g}: 0.5 is half as fast, 2 twice as fast"
        raise ArgumentError(f"{quoted_value(text)} is not a speed", hint)
    return value
