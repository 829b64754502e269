"""Picking up a film where a run was cut off."""

import dataclasses

from livedream.pipeline.journal import Checkpoint, Journal
from livedream.sink.kept import Kept, Remains


def pick_up(journal: Journal) -> tuple[Kept, Checkpoint] | None:
    """Return what is whole of the film, now moved aside, up to the newest checkpoint that it reaches.

    None when it reaches none; then nothing is left of it, and the run begins anew.
    """
    found: tuple[Kept, Checkpoint] | None = None
    # Two films: a run that was itself resumed may have been killed before its own had more than the one it began with.
    for film in (journal.part, journal.kept):
        remains = Remains(film)
        for point in journal.checkpoints():
            kept = remains.first(point.index, point.time)
            if kept is not None:
                if found is None or point.index > found[1].index:
                    found = kept, point
                break
    if found is None:
        journal.part.unlink(missing_ok=True)
        return None
    kept, point = found
    if kept.path == journal.part:
        journal.part.replace(journal.kept)
    else:
        journal.part.unlink(missing_ok=True)
    journal.go_on(point)
    return dataclasses.replace(kept, path=journal.kept), point
