"""Which options have an effect on which sources and outputs. Options without effect are refused or warned of."""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from livedream.capture.open import takes_part, takes_rate, takes_size_and_rate
from livedream.capture.source import Source
from livedream.cli.parsing import flag
from livedream.cli.tasks.request import Request
from livedream.errors import ArgumentError
from livedream.formats.suffixes import VIDEO_SUFFIXES
from livedream.settings import CONTROLS
from livedream.sink.open import holds_one_picture

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """The kind of a source."""

    LIVE = "live source"
    VIDEO = "video"
    PICTURE = "picture"

    @classmethod
    def of(cls, source: Source) -> "Kind":
        return cls.LIVE if source.live else cls.PICTURE if source.stills else cls.VIDEO


@dataclass(frozen=True, slots=True)
class Place:
    """A source and its outputs."""

    source: str
    """As it was typed."""
    kind: Kind
    sinks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Effect:
    """The sources and outputs on which options have an effect."""

    options: Mapping[str, str]
    """The options, each with its field of a Request."""
    purpose: str
    """What the options are for, as a part of a sentence."""
    kinds: Sequence[Kind] = tuple(Kind)
    fits: Callable[[Place], bool] = lambda place: True
    """Whether they have an effect on a source of one of these kinds."""
    hint: str = ""
    """What to do; if empty, leave them out."""

    def given(self, request: Request) -> str:
        """Return the options that a request has, as in "--start and --end"; "" if it has none."""
        return " and ".join(name for name, field in self.options.items() if getattr(request, field) != _UNUSED[field])

    def applies(self, place: Place) -> bool:
        return place.kind in self.kinds and self.fits(place)


_CONTROLS = {control.name: control for control in CONTROLS}
_UNUSED: Mapping[str, Any] = {field.name: getattr(Request(), field.name) for field in dataclasses.fields(Request)}

EFFECTS = (
    Effect({"--size": "size"}, "cameras and raw pictures", fits=lambda place: takes_size_and_rate(place.source)),
    Effect(
        {"--rate": "rate"}, "cameras, screens, raw and numbered pictures", fits=lambda place: takes_rate(place.source)
    ),
    Effect({"--start": "start", "--end": "end"}, "videos", (Kind.VIDEO,), lambda place: takes_part(place.source)),
    Effect({"--duration": "duration", "--tour": "tour"}, "videos and live sources", (Kind.LIVE, Kind.VIDEO)),
    Effect(
        {"--fps": "fps", "--fixed": "fixed"},
        "live sources",
        (Kind.LIVE,),
        hint="leave it out: a video loses no frames",
    ),
    Effect({"--fresh": "fresh"}, "live sources", (Kind.LIVE,)),
    Effect(
        {"--codec, --quality and --hardware": "encoding"},
        "videos, and none is written",
        fits=lambda place: any(sink.lower().endswith(VIDEO_SUFFIXES) for sink in place.sinks),
        hint="name a video, such as -o out.mp4, or leave them out",
    ),
)


def refuse_useless(request: Request, places: Sequence[Place]) -> None:
    """Raise ArgumentError for options that have an effect on none of `places`."""
    for effect in EFFECTS:
        given = effect.given(request)
        if given and not any(map(effect.applies, places)):
            several = " and " in given
            text = f"{given} {'are' if several else 'is'} for {effect.purpose}"
            kinds = sorted({place.kind for place in places})
            if not set(kinds) & set(effect.kinds):
                text += f", and this is a {kinds[0]}" if len(places) == 1 else f", and these are {_plural(kinds)}"
            raise ArgumentError(text, effect.hint or ("leave them out" if several else "leave it out"))


def warn_of_partly_useless(request: Request, places: Sequence[Place]) -> None:
    """Warn of the options that have an effect on some of `places` only."""
    for effect in EFFECTS:
        given = effect.given(request)
        if given and (used := sum(map(effect.applies, places))) < len(places):
            log.warning("only %d of %d sources use %s", used, len(places), given)


def without_useless(request: Request, place: Place) -> Request:
    """Return the request without the options that have no effect on `place`."""
    useless = [effect for effect in EFFECTS if effect.given(request) and not effect.applies(place)]
    fields = [field for effect in useless for field in effect.options.values()]
    return dataclasses.replace(request, **{field: _UNUSED[field] for field in fields})


def warn_of_useless_controls(names: Iterable[str], places: Sequence[Place]) -> None:
    """Warn of each of the controls called `names` that has no effect on any of `places`."""
    kinds = sorted({place.kind for place in places})
    reached = {"pictures" if kind is Kind.PICTURE else "videos" for kind in kinds}
    for name in names:
        control = _CONTROLS[name]
        if control.only is not None and control.only not in reached:
            instead = f"; use {flag(_CONTROLS[control.counterpart])}" if control.counterpart else ""
            log.warning("%s has no effect on %s%s", flag(control), _plural(kinds), instead)


def warn_of_one_picture(sink_specs: Iterable[str], name: str, kind: Kind) -> None:
    """Warn of sinks that are pictures, and keep only the first frame of a video or live source called `name`."""
    for spec in sink_specs:
        if kind is not Kind.PICTURE and holds_one_picture(spec):
            text = "%s will contain only the first frame of %s; name a video or a folder/ for all frames"
            log.warning(text, spec, name)


def _plural(kinds: Iterable[Kind]) -> str:
    return " and ".join(f"{kind}s" for kind in kinds)
