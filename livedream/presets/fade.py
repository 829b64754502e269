"""From one look to another, a little at a time."""

from livedream.settings import CONTROLS, DreamSettings


def blend(old: DreamSettings, new: DreamSettings, share: float) -> DreamSettings:
    """Return the settings between `old` (share 0) and `new` (share 1).

    Numbers go over evenly, whole ones in steps. What is no number, what has to be prepared and where random numbers
    start is new at once: nothing lies between two layers. The dream itself fades over, for it forgets slowly.
    """
    if share >= 1:
        return new
    changes = {}
    for control in CONTROLS:
        if control.kind is str or control.prepared or control.name == "seed":
            continue
        before, after = getattr(old, control.name), getattr(new, control.name)
        if before != after:
            between = before + share * (after - before)
            changes[control.name] = round(between) if control.kind is int else between
    return new.replace(**changes)
