"""Routes: the films that `livedream farm` dreams from this machine."""

import asyncio
import time
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from livedream.farm.registry import told
from livedream.studio.server.errors import errors

SILENT_SECONDS = 15.0
"""After this time without a word, a farm that is not finished counts as stopped. It tells its progress every second."""


class FarmFilm(BaseModel):
    """A film of a farm."""

    model_config = ConfigDict(extra="ignore")

    name: str
    frames: int = Field(ge=0)
    done: int = Field(ge=0)
    """Frames that are dreamt."""
    shards: int = Field(ge=0)
    shards_done: int = Field(ge=0)
    state: Literal["waiting", "dreaming", "joining", "complete", "failed"]
    error: str | None = None
    """Why it failed."""


class Farm(BaseModel):
    """How far a farm is."""

    model_config = ConfigDict(extra="ignore")

    manifest: str
    """The id of its manifest."""
    place: str
    """The folder or address where it writes."""
    films: list[FarmFilm]
    workers: int = Field(ge=0)
    fps: float = Field(ge=0)
    frames: int = Field(ge=0)
    done: int = Field(ge=0)
    seconds_left: float | None = None
    updated: float
    """When it was heard of last, in seconds since 1970."""
    finished: bool
    stopped: bool = False
    """Whether it ended before it was finished: the same command continues it."""


def router() -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")

    @routes.get("/farms", tags=["farms"], summary="Films that are dreamt by many workers", responses=errors())
    async def farms() -> list[Farm]:
        return await asyncio.to_thread(_farms)

    return routes


def _farms() -> list[Farm]:
    found = []
    for place, progress in told():
        farm = _farm(place, progress)
        if farm is not None:
            found.append(farm)
    return found


def _farm(place: str, progress: dict[str, Any]) -> Farm | None:
    try:
        farm = Farm(**{**progress, "place": place})
    except (ValidationError, TypeError):  # of another version
        return None
    farm.stopped = not farm.finished and time.time() - farm.updated > SILENT_SECONDS
    return farm
