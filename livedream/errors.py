"""The errors of livedream.

    Exception
    ├── LivedreamError            something outside the program is wrong; catch this one
    │   ├── SourceError           a camera, video or photograph cannot be opened or read
    │   ├── SinkError             a window, file or device cannot be opened or written
    │   ├── WeightsError          the weights of a network are missing or damaged
    │   └── DeviceError           the device or precision is not available
    └── ValueError
        └── ArgumentError         an argument has an invalid value

Each has a message of one line that says what is wrong, and a `hint` that says what to do, which tracebacks also show.
"""

import difflib
from collections.abc import Iterable

from livedream.documented import Documented
from livedream.hints import Hint

_LONGEST_NAME = 100
"""Most characters of an unknown name that a message quotes."""


class _HintedError(Exception, metaclass=Documented):
    """An error with a message and a hint of one line each."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self._hint = Hint("")
        self.hint = hint

    @property
    def hint(self) -> Hint:
        """What to do about it, for a Python program; `hint.command_line` names options of the command line instead."""
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        notes = [note for note in getattr(self, "__notes__", []) if note != f"hint: {self._hint}"]
        self._hint = Hint(hint)
        self.__notes__ = [*notes, f"hint: {self._hint}"] if hint else notes


class LivedreamError(_HintedError):
    """Something outside the program is wrong: a device, a file, a connection."""


class SourceError(LivedreamError):
    """A source cannot be opened, or failed while it was being read."""


class SinkError(LivedreamError):
    """A sink cannot be opened, or failed while it was being written."""


class WeightsError(LivedreamError):
    """The weights of a network are missing, damaged, or belong to another network."""


class DeviceError(LivedreamError):
    """The requested device or precision is not available on this machine."""


class ArgumentError(_HintedError, ValueError):
    """An argument has an invalid value."""


def unknown(kind: str, name: str, choices: Iterable[str], where: str = "") -> ArgumentError:
    """Return the error for an unknown `name`, whose hint lists similar choices, or all of them.

    Args:
        kind: what the name should be: "preset".
        name: the unknown name.
        choices: the valid names.
        where: the hint in place of all choices, if they are too many for a line.
    """
    names = list(choices)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    same = [choice for choice in names if choice.casefold() == name.strip().casefold()]
    similar = same or difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    all_choices = where or f"choose from {', '.join(names)}"
    return ArgumentError(f"unknown {kind}: {name}", f"did you mean {' or '.join(similar)}?" if similar else all_choices)
