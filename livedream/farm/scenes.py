"""Finds the scenes of a film, with the cut detector of the dream, and groups them into shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from livedream.capture.source import Source
from livedream.dream.dreamer import Dreamer
from livedream.farm.digest import added, digest_text, frame_digest
from livedream.farm.manifest import Shard
from livedream.settings import DreamSettings


@dataclass(slots=True)
class Piece:
    """Consecutive frames of a film that stay together: a scene, or a part of a long one."""

    first: int
    time: Fraction
    """Of the first frame, in seconds."""
    cut: bool
    """Whether a scene begins with it."""
    begin: int
    """The digest of the first frame."""
    digest: int
    """Of all its frames."""
    until: Fraction
    """The time of its last frame."""
    frames: int = 1
    duration: Fraction | None = None
    """How many seconds its last frame is shown, where the file states it: at the end of a film."""


def find_pieces(
    source: Source, settings: DreamSettings, *, longest: Fraction | None, on_frame: Callable[[int], object]
) -> list[Piece]:
    """Read a film once, and return its pieces in order.

    Args:
        source: the film, at its beginning.
        settings: with which it will be dreamt: the size of the flow map decides about cuts.
        longest: seconds after which a scene is divided where it has no cut; None to keep scenes whole.
        on_frame: called with the number of frames that were read.
    """
    # Only the motion counts. Masks would search for persons, and layers would be parsed.
    dreamer = Dreamer(settings.replace(layers="auto", mask="all", device="cpu", precision="float32"))
    pieces: list[Piece] = []
    for number, frame in enumerate(source):
        cut = dreamer.analyze(frame).flow is None
        digest = frame_digest(frame.pixels, frame.time)
        if not pieces or cut or (longest is not None and frame.time - pieces[-1].time >= longest):
            pieces.append(Piece(number, frame.time, cut, digest, digest, frame.time))
        else:
            pieces[-1].until = frame.time
            pieces[-1].digest = added(pieces[-1].digest, digest)
            pieces[-1].frames += 1
        pieces[-1].duration = frame.duration
        on_frame(number + 1)
    return pieces


def shards_of(pieces: Sequence[Piece], seconds: Fraction, *, warm_up: int, first_number: int) -> tuple[Shard, ...]:
    """Return shards of about `seconds`, each of whole pieces.

    Args:
        pieces: of one film, in order; at least one.
        seconds: the wanted length.
        warm_up: how many frames are dreamt ahead of a shard that begins inside a scene.
        first_number: the number of the first shard.
    """
    groups: list[list[Piece]] = [[]]
    for piece in pieces:
        middle = (piece.time + piece.until) / 2
        if groups[-1] and middle - groups[-1][0].time > seconds:
            groups.append([])
        groups[-1].append(piece)
    shards: list[Shard] = []
    scene = 0
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        begin = group[0]
        if begin.cut:
            scene = begin.first
        digest = 0
        for piece in group:
            digest = added(digest, piece.digest)
        shards.append(
            Shard(
                number=first_number + len(shards),
                first=begin.first,
                frames=sum(piece.frames for piece in group),
                time=begin.time,
                end=None if following is None else following[0].time,
                begin=digest_text(begin.begin),
                digest=digest_text(digest),
                warm_up=min(warm_up, begin.first - scene),
            )
        )
        scene = max([scene, *(piece.first for piece in group if piece.cut)])
    return tuple(shards)
