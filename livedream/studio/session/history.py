"""Undo and redo of the settings of a dream."""

from typing import NamedTuple

from livedream.settings import DreamSettings

MOST = 100
"""How many looks are kept."""
PAUSE_SECONDS = 1.0
"""Changes of the same controls that follow one another faster than this are one step: a slider that is dragged."""


class Look(NamedTuple):
    """Settings, and the preset that they come from."""

    settings: DreamSettings
    preset: str
    preset_settings: DreamSettings


class History:
    """The looks of a dream in their order, and the place among them. Not thread-safe.

    first: the look at the beginning.
    """

    def __init__(self, first: Look) -> None:
        self._looks = [first]
        self._place = 0
        self._changed_at = float("-inf")
        self._changed: frozenset[str] = frozenset()

    @property
    def can_undo(self) -> bool:
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        return self._place < len(self._looks) - 1

    def note(self, look: Look, now: float) -> None:
        """Note the present look, if it differs from the one at this place. now: a monotonic clock, in seconds."""
        present = self._looks[self._place]
        if look.settings == present.settings:
            return
        changed = frozenset(
            name for name in look.settings.__slots__ if getattr(look.settings, name) != getattr(present.settings, name)
        )
        continues = (
            changed == self._changed and now - self._changed_at < PAUSE_SECONDS and self._place == len(self._looks) - 1
        )
        if not continues:
            del self._looks[self._place + 1 :]
            self._looks.append(look)
            del self._looks[: -MOST - 1]
        else:
            self._looks[-1] = look
        self._place = len(self._looks) - 1
        self._changed, self._changed_at = changed, now

    def undo(self) -> Look | None:
        """Go back one step and return the look there; None at the beginning."""
        return self._go(-1)

    def redo(self) -> Look | None:
        """Go forward one step and return the look there; None at the end."""
        return self._go(1)

    def _go(self, steps: int) -> Look | None:
        place = self._place + steps
        if not 0 <= place < len(self._looks):
            return None
        self._place = place
        self._changed_at = float("-inf")
        return self._looks[place]
