"""Picking up a film where a run was cut off. What is on disk then, see livedream.pipeline.checkpoints."""

import dataclasses

from livedream.pipeline.checkpoints import Checkpoint, Journal
from livedream.sink.video.salvage import Salvage, SalvagedVideo


def frames_left(journal: Journal) -> bool:
    """Return whether an earlier run has left anything of its film that can be read."""
    return any(len(SalvagedVideo(film)) for film in (journal.part, journal.draft))


def pick_up(journal: Journal) -> tuple[Salvage, Checkpoint | None] | None:
    """Return what is whole of the film up to the newest checkpoint that it reaches, and that checkpoint.

    With no checkpoint the run begins anew, and the film stays until the new one has more; None when there is no film to
    stay. The film keeps the name of the part.
    """
    points = journal.checkpoints()
    best: tuple[Salvage, Checkpoint | None] | None = None
    # Two films: a run that was itself resumed may have been killed when its own, the draft, had more than the part.
    for film in (journal.part, journal.draft):
        remains = SalvagedVideo(film)
        found: tuple[Salvage, Checkpoint | None] = Salvage(film, journal.draft, 0, len(remains)), None
        for point in points:
            kept = remains.first(point.index, point.time, journal.draft)
            if kept is not None:
                found = kept, point
                break
        if best is None or _reach(found) > _reach(best):
            best = found
    assert best is not None  # noqa: S101  there were two
    kept, reached = best
    if kept.path == journal.draft:
        journal.promote()
        kept = dataclasses.replace(kept, path=journal.part)
    else:
        journal.drop_draft()
    if reached is not None:
        journal.go_on(reached)
    if not kept.total:
        journal.part.unlink(missing_ok=True)  # not one frame of it can be read
        return None
    return kept, reached


def _reach(found: tuple[Salvage, Checkpoint | None]) -> tuple[int, int]:
    kept, point = found
    return (point.index if point is not None else 0), kept.total
