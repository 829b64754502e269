"""The bodies of requests and answers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,64}$")]
"""The id of anything that the server knows: a file, a client, a camera."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""The name of a preset."""


class Body(BaseModel):
    """The body of a request: unknown keys are an error, and values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Switch(Body):
    on: bool


class PresetChoice(Body):
    name: Name


class SourceRequest(Body):
    kind: Literal["demo", "camera", "screen", "file", "browser", "given"]
    id: Id = ""


class TokenRequest(Body):
    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Key(BaseModel):
    key: str
    """For the header `Authorization: Bearer KEY`."""


class Link(BaseModel):
    url: str
    qr: str
    """The address as a QR code, SVG."""
    minutes: int
    """How long the link is valid."""


class Source(BaseModel):
    """A source that is dreamt."""

    kind: str
    id: str
    name: str
    text: str
    width: int
    height: int
    rate: float | None
    lender: str | None


class Trouble(BaseModel):
    message: str
    hint: str


class Recording(BaseModel):
    name: str
    since: float


class StateAnswer(BaseModel):
    """The state of the studio, which all pages share."""

    rev: int
    """Its number: goes up with each change."""
    settings: dict[str, int | float | str]
    preset: str
    changed: list[str]
    preset_settings: dict[str, int | float | str]
    """Where a reset of a control leads."""
    touring: bool
    mirrored: bool
    frozen: bool
    can_undo: bool
    can_redo: bool
    source: Source
    phase: Literal["loading", "preparing", "running", "waiting", "failed"]
    trouble: Trouble | None
    messages: list[str]
    notices: list[str]
    recording: Recording | None
    description: str
    pages: int
    version: str


class ControlRow(BaseModel):
    """A row of the table of controls."""

    name: str
    kind: Literal["integer", "number", "text", "choice"]
    default: int | float | str
    low: float | None
    high: float | None
    step: float | None
    unit: str
    help: str
    details: str
    choices: list[str]
    only: Literal["videos", "pictures"] | None
    live: bool
    """Whether it can change while a dream runs."""
    prepared: bool
    """Whether a change takes a moment."""
    group: str


class PresetRow(BaseModel):
    name: str
    description: str
    own: bool
    """Whether the user saved it."""


class SourceRow(BaseModel):
    kind: str
    id: str
    name: str


class SourceRows(BaseModel):
    choices: list[SourceRow]


Changes = dict[str, Any]
"""Values of controls by name; the table of controls checks them."""
