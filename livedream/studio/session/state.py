"""The state of a studio as the pages see it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from livedream._version import __version__

Phase = Literal["loading", "preparing", "running", "waiting", "failed"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, and what to do about it."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SourceState:
    """The source that is dreamt, or was last."""

    kind: str
    id: str = ""
    name: str = ""
    text: str = ""
    """`demo 1280x720, 25 fps`; empty before it is open."""
    width: int = 0
    height: int = 0
    rate: float | None = None
    lender: str | None = None
    """The client whose camera it is."""


@dataclass(frozen=True, slots=True)
class RecordingState:
    """The recording that is being written."""

    name: str
    since: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that all pages show. A value: a change makes a new one."""

    settings: Mapping[str, int | float | str] = field(default_factory=dict)
    preset: str = ""
    changed: tuple[str, ...] = ()
    """The controls that differ from the preset."""
    preset_settings: Mapping[str, int | float | str] = field(default_factory=dict)
    """The values of the preset, of the controls that belong to presets."""
    touring: bool = False
    mirrored: bool = False
    frozen: bool = False
    can_undo: bool = False
    can_redo: bool = False
    source: SourceState = field(default_factory=lambda: SourceState("demo"))
    phase: Phase = "loading"
    trouble: Trouble | None = None
    messages: tuple[str, ...] = ()
    """Short messages of the last seconds."""
    notices: tuple[str, ...] = ()
    """What is wrong at the moment. That the machine is slow stands among the numbers: it comes and goes."""
    recording: RecordingState | None = None
    description: str = ""
    """Device, precision, network, objective and working size."""
    pages: int = 0
    """How many pages are open."""
    version: str = __version__

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return dataclasses.asdict(self)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `after` whose values differ from `before`; of `settings`, only the controls that differ."""
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    if "settings" in changed:
        old = before.get("settings", {})
        changed["settings"] = {name: value for name, value in after["settings"].items() if old.get(name) != value}
    return changed
