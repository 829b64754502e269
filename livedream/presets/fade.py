"""Fade from one look to another."""

from typing import Any

from livedream.settings import CONTROLS, DreamSettings


def blend(old: DreamSettings, new: DreamSettings, share: float) -> DreamSettings:
    """Return the settings between `old` (share 0) and `new` (share 1).

    Numbers change linearly, whole ones in steps. Values that are not numbers, values that have to be prepared and the
    seed change at once: nothing lies between two layers. The dream itself still fades, because it forgets slowly. A
    mask fades in and out by its strength.
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
    # This strength also applies to a live mask in the layers, which must not change meanwhile.
    if old.mask != new.mask and "mask:" not in new.layers:
        changes["mask"], changes["mask_strength"] = _mask_between(old, new, share)
    return new.replace(**changes)


def _mask_between(old: DreamSettings, new: DreamSettings, share: float) -> tuple[str, float]:
    """Return mask and strength between two masks. The transition passes the whole frame: a mask of strength 0."""
    if old.mask == "all" or old.mask_strength == 0:
        return new.mask, share * new.mask_strength
    if new.mask == "all" or new.mask_strength == 0:
        return old.mask, (1 - share) * old.mask_strength
    if share < 0.5:
        return old.mask, (1 - 2 * share) * old.mask_strength
    return new.mask, (2 * share - 1) * new.mask_strength
