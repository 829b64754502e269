"""From one look to another, a little at a time."""

from typing import Any

from livedream.settings import CONTROLS, DreamSettings


def blend(old: DreamSettings, new: DreamSettings, share: float) -> DreamSettings:
    """Return the settings between `old` (share 0) and `new` (share 1).

    Numbers go over evenly, whole ones in steps. What is no number, what has to be prepared and where random numbers
    start is new at once: nothing lies between two layers. The dream itself fades over, for it forgets slowly. A mask
    fades in and out by its strength.
    """
    if share >= 1:
        return new
    changes: dict[str, Any] = {}
    for control in CONTROLS:
        if control.kind is str or control.prepared or control.name == "seed":
            continue
        before, after = getattr(old, control.name), getattr(new, control.name)
        if before != after:
            between = before + share * (after - before)
            changes[control.name] = round(between) if control.kind is int else between
    # A live mask in the layers has this strength too, and must hold meanwhile.
    if old.mask != new.mask and "mask:" not in new.layers:
        changes["mask"], changes["mask_strength"] = _mask_between(old, new, share)
    return new.replace(**changes)


def _mask_between(old: DreamSettings, new: DreamSettings, share: float) -> tuple[str, float]:
    """Return the mask and its strength between two masks, which meet in the whole frame: a mask of strength 0."""
    if old.mask == "all" or old.mask_strength == 0:
        return new.mask, share * new.mask_strength
    if new.mask == "all" or new.mask_strength == 0:
        return old.mask, (1 - share) * old.mask_strength
    if share < 0.5:
        return old.mask, (1 - 2 * share) * old.mask_strength
    return new.mask, (2 * share - 1) * new.mask_strength
