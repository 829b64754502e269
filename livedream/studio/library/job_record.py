"""A job as people see it, and as it is kept on the disk."""

import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from livedream.studio.library.json_file import read_json, write_json

log = logging.getLogger(__name__)

JobState = Literal["waiting", "running", "done", "failed", "stopped"]
RECORD = "job.json"
LOOK = "look.toml"
ID_PATTERN = r"^job-[0-9a-f]{12}$"


class JobError(BaseModel):
    """Why a job failed, or what is missing from its result."""

    message: str
    hint: str = ""


class Job(BaseModel):
    """An upload that is dreamt."""

    id: str
    file: str
    """The id of the file that is dreamt."""
    name: str
    """The name of that file, for people."""
    look: str
    """The name of the preset, or `own`."""
    state: JobState
    share: float | None
    """How much is done, 0 to 1; null if unknown."""
    left: float | None
    """Seconds; null if unknown."""
    text: str
    """The progress, for people: `212 of 300 frames, 24.9 fps`."""
    error: JobError | None
    """Why it failed. If it is done: what is wrong with the result, such as an end that is missing."""
    result: str | None
    """The id of the dream; null before it is done, and after it was deleted."""
    made: float
    """In seconds since 1970."""


class Record(BaseModel):
    """What is kept of a job."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(pattern=ID_PATTERN)
    file: str
    name: str
    look: str
    state: JobState = "waiting"
    share: float | None = None
    text: str = ""
    error: JobError | None = None
    made: float
    film: bool
    """Whether the result is a film, which can be resumed."""
    dream: str = Field(pattern=r"^dream-[0-9a-f]{12}$")
    """The id of the result."""
    afresh: bool = False
    """Whether the next run begins again: the part of the last one cannot be resumed."""
    left: float | None = Field(default=None, exclude=True)


def write_record(folder: Path, record: Record) -> None:
    """Write the record into the folder of its job. Raises OSError."""
    write_json(folder / RECORD, record.model_dump())


def read_records(folder: Path) -> list[Record]:
    """Return the records of all jobs below `folder`, the oldest first. Damaged ones are logged and left alone."""
    records = []
    for place in sorted(folder.iterdir()):
        if place.is_symlink() or not (place / RECORD).is_file():
            continue
        try:
            record = Record.model_validate(read_json(place / RECORD))
        except ValidationError:
            log.warning("%s is damaged, and its job is left out", place / RECORD)
            continue
        if record.id == place.name:
            records.append(record)
    return sorted(records, key=lambda record: (record.made, record.id))
