"""The options for playing videos: --loop, --speed, --sound."""

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
MAX_ROUNDS = 10**6
_ENDLESS = "endless"
_SPEED = re.compile(r"(\d{1,3}(\.\d{0,9})?|\.\d{1,9})x?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlaybackOptions:
    """How a video is played."""

    loop: bool = False
    rounds: int | None = None
    """With `loop`: the number of rounds; None for an endless loop."""
    speed: Fraction | None = None
    """None by default: 1 in a window, as fast as possible into a file."""
    sound: bool = False

    @property
    def is_endless(self) -> bool:
        return self.loop and self.rounds is None

    @property
    def is_watched(self) -> bool:
        """Whether an option asks for something that only a window can show, if no sink is named."""
        return self.is_endless or self.speed is not None or self.sound

    def check(self, sinks: Sequence[str], *, ends: bool) -> None:
        """Raise ArgumentError if these options are impossible with these sinks. ends: whether the source has an end."""
        files = [sink for sink in sinks if leaves_a_file(sink)]
        if files and not ends:
            text = f"--loop without a number never ends, so {files[0]} would fill the disk"
            raise ArgumentError(text, "limit the rounds (--loop 10) or the duration (-t 10m)")
        if self.speed is not None and len(files) == len(sinks):
            hint = "leave it out: a file keeps the times of its source"
            raise ArgumentError("--speed is for windows, virtual cameras and streams", hint)
        if self.sound and not self.plays(sinks):
            raise ArgumentError(
                "--sound needs a video that is played", "add --to window, or --speed 1 if there is a file as well"
            )

    def check_several(self, *, ends: bool) -> None:
        """Raise ArgumentError for options that need a single source. ends: whether a duration ends each source."""
        for option, is_given in (("--speed", self.speed is not None), ("--sound", self.sound)):
            if is_given:
                raise ArgumentError(f"{option} is for one video, and several sources are named", "name one video")
        if self.is_endless and not ends:
            raise ArgumentError("--loop without a number never ends, and several sources are named", "use --loop N")

    def plays(self, sinks: Sequence[str]) -> bool:
        """Return whether a video is played to these sinks at its speed, not dreamt as fast as possible."""
        return self.speed is not None or (is_played(sinks) and not any(map(keeps_every_frame, sinks)))


def is_played(sinks: Sequence[str]) -> bool:
    """Return whether one of these sinks is for watching."""
    return any(not keeps_every_frame(sink) and sink != "null" for sink in sinks)


def playback_options() -> list[click.Parameter]:
    """Return new options."""
    return [
        click.Option(
            ["--loop"],
            metavar="[N]",
            is_flag=False,
            flag_value=_ENDLESS,
            help="Play a video N times, or endlessly; keep dreaming a picture",
        ),
        click.Option(
            ["--speed"],
            metavar=f"{float(SLOWEST):g}-{float(FASTEST):g}",
            help="Speed of a video in a window or stream [default: 1; with a file, as fast as possible]",
        ),
        click.Option(
            ["--sound/--no-sound"],
            default=False,
            help="Play the sound of a video in a window [default: --no-sound]",
        ),
    ]


def given_playback(
    sources: tuple[str, ...], loop: str | None, speed: str | None, sound: bool
) -> tuple[tuple[str, ...], PlaybackOptions]:
    """Return the sources and the options. In `--loop film.mp4`, the video is a source, not a number.

    Raises ArgumentError.
    """
    rounds = None
    if loop is not None and loop != _ENDLESS:
        if loop.isdecimal() or not looks_like_source(loop):
            rounds = int(loop) if loop.isdecimal() and len(loop) < 8 else 0
            if not 1 <= rounds <= MAX_ROUNDS:
                text = f"--loop takes a whole number from 1 to {MAX_ROUNDS}, got {quoted_value(loop)}"
                raise ArgumentError(text, "leave out the number to loop endlessly")
        else:
            sources = (loop, *sources)
    return sources, PlaybackOptions(loop=loop is not None, rounds=rounds, speed=_parse_speed(speed), sound=sound)


def _parse_speed(text: str | None) -> Fraction | None:
    if text is None:
        return None
    found = _SPEED.fullmatch(text.strip())
    value = Fraction(found[1]) if found else Fraction(0)
    if not SLOWEST <= value <= FASTEST:
        hint = f"give {float(SLOWEST):g} to {float(FASTEST):g}; 0.5 is half as fast, 2 is twice as fast"
        raise ArgumentError(f"invalid speed {quoted_value(text)}", hint)
    return value
