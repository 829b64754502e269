"""Routes for the dream: settings, presets, looks, snapshots and recordings."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Request
from fastapi.responses import PlainTextResponse

from livedream.presets import parse_preset
from livedream.studio.library.entries import FileEntry
from livedream.studio.server.api_library import answered
from livedream.studio.server.context import Context
from livedream.studio.server.controls_table import control_rows
from livedream.studio.server.errors import ApiError, errors
from livedream.studio.server.limits import Slots
from livedream.studio.server.models import (
    Changes,
    ControlRow,
    Name,
    PresetChoice,
    PresetRow,
    StateAnswer,
    Switch,
)
from livedream.studio.session.looks import preset_list

MOST_SNAPSHOTS = 4
"""At a time: each encodes a picture on a thread of its own."""
LARGEST_LOOK = 64 << 10
"""Bytes of a look as TOML."""
Client = Annotated[str | None, Header(alias="x-livedream-client", pattern=r"^[a-z0-9-]{1,64}$")]


def router(context: Context) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    for part in (_settings, _history, _switches, _presets, _looks, _files):
        part(routes, context)
    return routes


def _settings(routes: APIRouter, context: Context) -> None:
    session = context.session

    @routes.get("/state", tags=["dream"], summary="The state that all pages share", responses=errors())
    async def state() -> StateAnswer:
        return StateAnswer.model_validate(session.desk.publisher.current())

    @routes.get("/controls", tags=["dream"], summary="The table of controls", responses=errors())
    async def controls() -> list[ControlRow]:
        return control_rows()

    @routes.patch("/settings", tags=["dream"], summary="Set controls, all or none", responses=errors(409))
    async def change(values: Annotated[Changes, Body(examples=[{"strength": 1.2}])]) -> StateAnswer:
        session.desk.change(values)
        return await state()


def _history(routes: APIRouter, context: Context) -> None:
    session = context.session

    def current() -> StateAnswer:
        return StateAnswer.model_validate(session.desk.publisher.current())

    @routes.post(
        "/undo", tags=["dream"], summary="Go back to the settings before the last change", responses=errors(409)
    )
    async def undo() -> StateAnswer:
        session.desk.undo()
        return current()

    @routes.post("/redo", tags=["dream"], summary="Take back an undo", responses=errors(409))
    async def redo() -> StateAnswer:
        session.desk.redo()
        return current()

    @routes.post("/reset", tags=["dream"], summary="Forget the dream and start a new one", responses=errors(409))
    async def reset() -> StateAnswer:
        session.desk.reset()
        return current()


def _switches(routes: APIRouter, context: Context) -> None:
    session = context.session

    def add(name: str, summary: str) -> None:
        @routes.put(f"/{name}", name=name, tags=["dream"], summary=summary, responses=errors(409))
        async def switch(to: Switch) -> StateAnswer:
            session.desk.switch(name, to.on)
            return StateAnswer.model_validate(session.desk.publisher.current())

    add("tour", "Change the preset every twenty seconds")
    add("mirror", "Exchange left and right")
    add("freeze", "Hold the picture")

    @routes.put("/recording", tags=["files"], summary="Start or end a recording", responses=errors(409, 507))
    async def recording(to: Switch) -> StateAnswer:
        with answered():
            await asyncio.to_thread(session.record, to.on)
        return StateAnswer.model_validate(session.desk.publisher.current())


def _presets(routes: APIRouter, context: Context) -> None:
    session = context.session

    @routes.get("/presets", tags=["looks"], summary="All presets", responses=errors())
    async def presets() -> list[PresetRow]:
        return [PresetRow.model_validate(row) for row in await asyncio.to_thread(preset_list, session.desk.own_presets)]

    @routes.post("/preset", tags=["looks"], summary="Fade to a preset", responses=errors(409))
    async def preset(choice: PresetChoice) -> StateAnswer:
        session.desk.fade_to(choice.name)
        return StateAnswer.model_validate(session.desk.publisher.current())


def _looks(routes: APIRouter, context: Context) -> None:
    session = context.session

    @routes.get(
        "/look",
        tags=["looks"],
        summary="The present settings as TOML",
        responses=errors(),
        response_class=PlainTextResponse,
    )
    async def look() -> PlainTextResponse:
        headers = {"content-disposition": 'attachment; filename="look.toml"'}
        return PlainTextResponse(session.desk.look_text(), headers=headers)

    @routes.put(
        "/look",
        tags=["looks"],
        summary="Fade to a look, given as TOML",
        responses=errors(409, 413),
        openapi_extra={"requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def use_look(request: Request) -> StateAnswer:
        data = await request.body()
        if len(data) > LARGEST_LOOK:
            raise ApiError(413, f"a look is at most {LARGEST_LOOK >> 10} kB", "send only the settings")
        if not data.strip():
            raise ApiError(400, "there is no look in the body", "send the TOML of a preset")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise ApiError(400, "the look is not UTF-8 text", "send the TOML of a preset") from error
        session.desk.use_look(parse_preset(text, "the look"), "shared")
        return StateAnswer.model_validate(session.desk.publisher.current())

    @routes.post("/looks", tags=["looks"], summary="Save the present settings as a preset", responses=errors(409, 507))
    async def save(choice: PresetChoice) -> StateAnswer:
        await asyncio.to_thread(session.desk.save_preset, choice.name)
        return StateAnswer.model_validate(session.desk.publisher.current())

    @routes.delete("/looks/{name}", tags=["looks"], summary="Delete a saved preset", responses=errors(404, 409))
    async def delete(name: Annotated[Name, Path()]) -> dict[str, Any]:
        if name not in session.desk.own_presets.names():
            raise ApiError(404, f"there is no saved preset {name}", "reload the list of presets")
        await asyncio.to_thread(session.desk.own_presets.delete, name)
        return {}


def _files(routes: APIRouter, context: Context) -> None:
    session, slots = context.session, Slots(MOST_SNAPSHOTS)

    @routes.post("/snapshot", tags=["files"], summary="Save the picture that is shown", responses=errors(409, 507))
    async def snapshot() -> FileEntry:
        if not slots.take():
            raise ApiError(429, "other snapshots are being saved", "wait a second")
        try:
            with answered():
                path = await asyncio.wrap_future(await asyncio.to_thread(session.snapshot))
                entry = await asyncio.to_thread(context.files.entry_at, path)
        finally:
            slots.free()
        if entry is None:
            raise ApiError(409, "the snapshot has been deleted already", "take another one")
        return entry
