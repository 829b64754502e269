"""The result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that livedream needs or can use, and whether it works."""

    name: str
    ok: bool
    text: str
    """What was found, or what is wrong."""
    hint: str = ""
    """How to fix it."""
    needed: bool = False
    """Whether livedream cannot dream without it."""
