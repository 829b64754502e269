"""One thing that was looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that livedream needs or can use, and whether it is there."""

    name: str
    ok: bool
    text: str
    """What was found, or what is wrong."""
    hint: str = ""
    """What to do where it is missing."""
    needed: bool = False
    """Whether nothing can be dreamt without it."""
