"""Picking up a film where a run was cut off."""

import dataclasses
from pathlib import Path

from livedream.errors import SinkError
from livedream.pipeline.journal import Checkpoint, Journal
from livedream.sink.kept import Kept, Remains
from livedream.sink.lock import OutputLock


def pick_up(journal: Journal, lock: OutputLock) -> tuple[Kept, Checkpoint] | None:
    """Return what is whole of the film, now moved aside, up to the newest checkpoint that it reaches.

    None when it reaches none; then nothing is left of it, and the run begins anew. lock: of the film, held. Raises
    SinkError when the film begins nowhere in the journal, and may be anybody's.
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
        _remove(journal.part, lock)
        return None
    kept, point = found
    if kept.path == journal.part:
        journal.part.replace(journal.kept)
    else:
        _remove(journal.part, lock)
    journal.go_on(point)
    return dataclasses.replace(kept, path=journal.kept), point


def _remove(part: Path, lock: OutputLock) -> None:
    """Remove a film of which nothing is of use. Raises SinkError when it may be somebody's."""
    if part.exists() and not lock.vouches(part):
        raise SinkError(f"{part} is not known to be what livedream wrote", "move it away, or begin anew elsewhere")
    part.unlink(missing_ok=True)
