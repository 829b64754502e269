"""How far a farm is: all its films, the workers, the time that remains."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from livedream.farm.manifest import Manifest

FilmState = Literal["waiting", "dreaming", "joining", "complete", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmProgress:
    """How far one film is."""

    name: str
    """Of the result."""
    frames: int
    done: int
    """Frames that are dreamt, also those of shards that are not complete."""
    shards: int
    shards_done: int
    state: FilmState
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmProgress:
    """How far a farm is."""

    manifest: str
    """The id of the manifest."""
    films: tuple[FilmProgress, ...]
    workers: int
    """Workers that are alive."""
    fps: float
    """Frames per second of all workers, over the last half a minute."""
    frames: int
    done: int
    seconds_left: float | None
    updated: float
    """Seconds since 1970."""
    finished: bool

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))


class Pace:
    """The rate of a number that grows, over the last seconds."""

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._noted: list[tuple[float, int]] = []

    def note(self, count: int, now: float) -> None:
        """Note the number at a time, in seconds."""
        self._noted.append((now, count))
        while len(self._noted) > 2 and now - self._noted[1][0] >= self._seconds:
            self._noted.pop(0)

    @property
    def rate(self) -> float:
        """Per second; 0 while it is unknown."""
        if len(self._noted) < 2:
            return 0.0
        (begin, before), (end, after) = self._noted[0], self._noted[-1]
        return max(0.0, (after - before) / (end - begin)) if end > begin else 0.0


def farm_progress(
    manifest: Manifest,
    *,
    complete: Collection[int],
    partly: Mapping[int, int],
    joined: Collection[str],
    joining: str | None,
    failed: Mapping[str, str],
    workers: int,
    pace: Pace,
    finished: bool = False,
) -> FarmProgress:
    """Return how far a farm is.

    Args:
        manifest: of the farm.
        complete: the numbers of the shards that are complete.
        partly: by number, the frames of shards that are being dreamt.
        joined: the targets of the films that are complete.
        joining: the target of the film that is being joined.
        failed: by target, why a film cannot be completed.
        workers: how many are alive.
        pace: of the frames that are dreamt.
        finished: whether nothing more will happen.
    """
    films = []
    for film in manifest.films:
        ready = [shard for shard in film.shards if shard.number in complete]
        begun = sum(min(partly.get(shard.number, 0), shard.frames) for shard in film.shards if shard not in ready)
        state: FilmState = "dreaming" if ready or begun else "waiting"
        if film.target in failed:
            state = "failed"
        elif film.target in joined:
            state = "complete"
        elif film.target == joining:
            state = "joining"
        films.append(
            FilmProgress(
                name=film.target,
                frames=film.frames,
                done=sum(shard.frames for shard in ready) + begun,
                shards=len(film.shards),
                shards_done=len(ready),
                state=state,
                error=failed.get(film.target),
            )
        )
    frames, done = sum(film.frames for film in films), sum(film.done for film in films)
    left = (frames - done) / pace.rate if pace.rate and not finished else None
    return FarmProgress(
        manifest=manifest.id,
        films=tuple(films),
        workers=workers,
        fps=round(pace.rate, 2),
        frames=frames,
        done=done,
        seconds_left=None if left is None else round(left, 1),
        updated=time.time(),
        finished=finished,
    )
