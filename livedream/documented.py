"""Metaclasses that limit `help` to what users of a class need."""

from abc import ABCMeta
from types import MemberDescriptorType


class Documented(type):
    """A class of which `help` and completion show only the public members.

    pydoc lists what `dir` names: for a dataclass all generated methods, for any class `__init__`, `__dict__` and
    `__weakref__`. Here `dir` names the public members and `__call__`, without slots, which the docstring describes, and
    without those in `_machinery`, which only other parts of livedream call.
    """

    def __dir__(cls) -> list[str]:
        machinery = getattr(cls, "_machinery", ())
        return [
            name
            for name in super().__dir__()
            if (not name.startswith("_") or name == "__call__")
            and name not in machinery
            and not isinstance(getattr(cls, name, None), MemberDescriptorType)
        ]


class AbstractDocumented(Documented, ABCMeta):
    """The same for an abstract class."""
