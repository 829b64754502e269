"""The errors of livedream.

    Exception
    ├── LivedreamError            what the outside world did wrong; catch this one
    │   ├── SourceError           a camera, film or picture cannot be opened or read
    │   ├── SinkError             a window, file or device cannot be opened or written
    │   ├── WeightsError          the weights of a network are missing or damaged
    │   └── DeviceError           the device or precision asked for is not there
    └── ValueError
        └── ArgumentError         the caller asked for something that does not exist

Each carries one line that says what is wrong and a `hint` that says what to do about it, which a traceback shows too.
"""

import difflib
from collections.abc import Iterable

from livedream.documented import Documented
from livedream.hints import Hint

_LONGEST_NAME = 100
"""Characters of an unknown name that a message quotes."""


class _HintedError(Exception, metaclass=Documented):
    """An error of one line, with a hint of one line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self._hint = Hint("")
        self.hint = hint

    @property
    def hint(self) -> Hint:
        """What to do about it, as Python says it; `hint.command_line` is how the command line does."""
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        notes = [note for note in getattr(self, "__notes__", []) if note != f"hint: {self._hint}"]
        self._hint = Hint(hint)
        self.__notes__ = [*notes, f"hint: {self._hint}"] if hint else notes


class LivedreamError(_HintedError):
    """The outside world did something wrong."""


class SourceError(LivedreamError):
    """A source cannot be opened, or failed while it was read."""


class SinkError(LivedreamError):
    """A sink cannot be opened, or failed while it was written."""


class WeightsError(LivedreamError):
    """The weights of a network are missing, damaged or of another network."""


class DeviceError(LivedreamError):
    """The device or the precision asked for is not available here."""


class ArgumentError(_HintedError, ValueError):
    """An argument has a value that livedream does not know."""


def unknown(kind: str, name: str, choices: Iterable[str], where: str = "") -> ArgumentError:
    """Return the error for an unknown `name`, with the nearest of `choices`, or all of them, as its hint.

    where: what tells all choices, in place of them, when they are too many for a line.
    """
    names = list(choices)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    same = [choice for choice in names if choice.casefold() == name.strip().casefold()]
    near = same or difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    all_of_them = where or f"choose from {', '.join(names)}"
    return ArgumentError(f"unknown {kind}: {name}", f"did you mean {' or '.join(near)}?" if near else all_of_them)
