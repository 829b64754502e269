"""What `help` shows of the classes that people use."""

from abc import ABCMeta
from types import MemberDescriptorType


class Documented(type):
    """A class of which `help` and completion show what a user calls.

    pydoc lists what `dir` names: of a dataclass all that was generated for it, of any class `__init__`, `__dict__` and
    `__weakref__`. Here it is the public names and `__call__`, without slots, whose meaning the docstring tells, and
    without what `_machinery` lists: what other parts of livedream call.
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
    """The same, of an abstract class."""
