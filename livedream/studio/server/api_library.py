"""Routes: the files of the studio, uploads, and jobs that dream them."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from livedream.studio.library import errors as library_errors
from livedream.studio.library.entries import FileEntry
from livedream.studio.library.job_record import Job
from livedream.studio.library.previews import preview_of
from livedream.studio.library.uploads import Upload
from livedream.studio.server.context import Context
from livedream.studio.server.errors import ApiError, errors
from livedream.studio.session.looks import all_presets

_Result = TypeVar("_Result")
ID = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")]
_BLOCK = 1 << 20
"""Bytes that are collected before they are written, on another thread."""
SILENCE_SECONDS = 30.0
"""How long the next bytes of an upload may take: it keeps others from being received, see `MOST_AT_ONCE`."""
_STATUSES: dict[type[Exception], int] = {
    library_errors.UnknownThingError: 404,
    library_errors.WrongStateError: 409,
    library_errors.TooLargeError: 413,
    library_errors.UndecodableError: 422,
    library_errors.BusyError: 429,
    library_errors.NoSpaceError: 507,
}
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
_RANGE = re.compile(r"bytes=(?:\d{1,15}-\d{0,15}|-\d{1,15})", re.ASCII)
"""One part of a file. Players ask for no more, and several parts are answered as a document with parts."""
_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_FILE = {"content": {"image/*": _BYTES, "video/*": _BYTES}}


class JobRequest(BaseModel):
    """What to dream."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    """The id of a file."""
    preset: str | None = Field(default=None, max_length=64)
    """The name of a preset; null for the present settings of the live dream."""


@contextmanager
def answered() -> Iterator[None]:
    """Answer the errors of the library with their statuses."""
    try:
        yield
    except tuple(_STATUSES) as error:
        raise ApiError(_STATUSES[type(error)], str(error), str(getattr(error, "hint", ""))) from error


async def aside(context: Context, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Return what `work` returns, which takes seconds, on a thread of `context.slow`.

    The threads of `asyncio.to_thread`, six of them on two cores, encode the pictures for all pages.
    """
    return await asyncio.get_running_loop().run_in_executor(context.slow, work, *arguments)


def router(context: Context) -> APIRouter:
    """Return the routes of the library."""
    routes = APIRouter(prefix="/api")
    _add_files(routes, context)
    _add_uploads(routes, context)
    _add_jobs(routes, context)
    return routes


def _add_files(routes: APIRouter, context: Context) -> None:
    turn = asyncio.Lock()
    """One preview at a time is made, so that the others do not take all threads to wait for it."""

    @routes.get("/files", summary="List the files", tags=["files"], responses=errors())
    async def list_files() -> list[FileEntry]:
        return await asyncio.to_thread(context.files.list)

    @routes.get(
        "/files/{id}",
        summary="Read a file",
        tags=["files"],
        response_class=Response,
        responses={
            200: _FILE,
            206: {**_FILE, "description": "A part of it."},
            416: {"description": "It has no such part."},
            **errors(404),
        },
    )
    async def read_file(request: Request, id: ID, download: Annotated[bool, Query()] = False) -> Response:
        if not _RANGE.fullmatch(request.headers.get("range", "bytes=0-")):
            raise ApiError(400, "the range is not valid", "write bytes=0-1023")
        with answered():
            entry, path = await asyncio.to_thread(context.files.find, id)
        # The type is that of our own suffix, one of a list: a browser never takes an upload for a page or a script.
        return FileResponse(
            path,
            media_type=entry.type,
            filename=entry.name,
            content_disposition_type="attachment" if download else "inline",
            headers=_HEADERS,
        )

    @routes.get(
        "/files/{id}/picture",
        summary="Read a small picture of a file",
        tags=["files"],
        response_class=Response,
        responses={200: {"content": {"image/jpeg": _BYTES}}, **errors(404, 409, 422)},
    )
    async def read_picture(id: ID) -> Response:
        with answered():
            picture = await asyncio.to_thread(context.files.preview, id)
            if picture is None:
                async with turn:
                    picture = await aside(context, preview_of, context.files, id)
        return Response(picture, media_type="image/jpeg", headers=_HEADERS)

    @routes.delete("/files/{id}", summary="Delete a file", tags=["files"], status_code=204, responses=errors(404, 409))
    async def delete_file(id: ID) -> None:
        if context.jobs.uses(id):
            raise ApiError(409, "the file is being dreamt", "stop the job first")
        if context.session.plays(id):
            raise ApiError(409, "the file is the source of the live dream", "choose another source first")
        with answered():
            await asyncio.to_thread(context.files.delete, id)


def _add_uploads(routes: APIRouter, context: Context) -> None:
    uploads, turn = context.uploads, asyncio.Lock()
    """One upload at a time is inspected, for the same reason."""

    @routes.post(
        "/uploads",
        summary="Upload a picture or film",
        tags=["files"],
        status_code=201,
        responses=errors(408, 413, 422, 507),
        openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": _BYTES}}},
    )
    async def upload(
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=255)],
        content_length: Annotated[int | None, Header(ge=0, include_in_schema=False)] = None,
    ) -> FileEntry:
        with answered():
            received = await asyncio.to_thread(uploads.begin, name, content_length)
            try:
                await _receive(request, received)
                async with turn:
                    return await aside(context, received.finish)
            except ClientDisconnect:
                raise ApiError(400, "the upload was cut off", "try again") from None
            finally:
                await asyncio.to_thread(received.close)


async def _receive(request: Request, received: Upload) -> None:
    """Write the body of a request. Raises ApiError when nothing arrives any more."""
    block, chunks = bytearray(), request.stream()
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                chunk = await anext(chunks, None)
        except TimeoutError:
            # The rest of the body is not read, so this connection can take no other request.
            raise ApiError(408, "the upload does not arrive", "try again", {"Connection": "close"}) from None
        if chunk is None:
            break
        block += chunk
        if len(block) >= _BLOCK:
            await asyncio.to_thread(received.write, bytes(block))
            block.clear()
    await asyncio.to_thread(received.write, bytes(block))


def _add_jobs(routes: APIRouter, context: Context) -> None:
    jobs = context.jobs

    @routes.get("/jobs", summary="List the jobs", tags=["jobs"], responses=errors())
    async def list_jobs() -> list[Job]:
        return await asyncio.to_thread(jobs.list)

    @routes.post("/jobs", summary="Dream a file", tags=["jobs"], status_code=201, responses=errors(404, 409, 507))
    async def add_job(wanted: JobRequest) -> Job:
        presets = await asyncio.to_thread(all_presets, context.session.desk.own_presets)
        if wanted.preset is None:
            look, settings = "own", context.session.desk.settings
        elif wanted.preset in presets:
            look, settings = wanted.preset, presets[wanted.preset]
        else:
            raise ApiError(404, "there is no such preset", "GET /api/presets lists them")
        with answered():
            return await asyncio.to_thread(jobs.add, wanted.file, look, settings)

    @routes.post("/jobs/{id}/stop", summary="Stop a job", tags=["jobs"], responses=errors(404, 409))
    async def stop_job(id: ID) -> Job:
        with answered():
            return await aside(context, jobs.stop, id)

    @routes.post("/jobs/{id}/start", summary="Resume a job", tags=["jobs"], responses=errors(404, 409))
    async def start_job(id: ID) -> Job:
        with answered():
            return await asyncio.to_thread(jobs.start, id)

    @routes.delete("/jobs/{id}", summary="Delete a job", tags=["jobs"], status_code=204, responses=errors(404))
    async def delete_job(id: ID) -> None:
        with answered():
            await aside(context, jobs.delete, id)
