"""The application: all routes behind the gate."""

import errno
import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from livedream._version import __version__
from livedream.errors import ArgumentError, LivedreamError
from livedream.faults import explain
from livedream.studio.server import api_dream, api_farm, api_library, api_media, api_pictures, api_sources, events
from livedream.studio.server.context import Context
from livedream.studio.server.errors import ApiError, Problem, refused

PAGES = Path(__file__).parent.parent / "page"
DESCRIPTION = """\
Everything that the page of `livedream studio` does. Send `Authorization: Bearer KEY`; `POST /api/session` exchanges the
token of a link for a key.

The WebSocket `/api/events` sends each change of the state: `hello` with the whole state, then `patch` with what has
changed. It takes `{"type": "set", "id": 1, "settings": {"strength": 1.2}}`. The WebSocket `/api/pictures` sends the
newest picture as JPEG after each `next`, and `/api/camera` takes pictures in the same way.
"""

_log = logging.getLogger(__name__)


def make_app(context: Context) -> FastAPI:
    """Return the application, without the gate."""
    app = FastAPI(
        title="livedream studio",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api",
        docs_url=None,  # these pages load scripts from another host
        redoc_url=None,
    )
    for part in (api_dream, api_sources, api_library, api_media, api_pictures, events):
        app.include_router(part.router(context))
    app.include_router(api_farm.router())
    _add_pages(app)
    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)

    async def explained(request: Request, error: Exception) -> JSONResponse:
        fault = explain(error)
        status = 400 if isinstance(error, ArgumentError) else 507 if _is_full(error) else 409
        return _problem(status, context.session.hide(fault.message), fault.hint)

    for kind in (ArgumentError, LivedreamError, OSError):
        app.add_exception_handler(kind, explained)
    app.add_exception_handler(Exception, _broken)
    return app


def _add_pages(app: FastAPI) -> None:
    def add(path: str, name: str) -> None:
        @app.get(path, include_in_schema=False, name=name)
        async def page() -> FileResponse:
            return FileResponse(PAGES / name, headers={"cache-control": "no-cache"})

    for path, name in (("/", "index.html"), ("/out", "out.html"), ("/control", "control.html"), ("/farm", "farm.html")):
        add(path, name)
    add("/favicon.ico", "favicon.svg")
    app.mount("/static", StaticFiles(directory=PAGES), name="static")


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer a body or parameter that does not fit its model: 400 names the first wrong value."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    first = faults[0] if faults else {"loc": (), "msg": "it is not valid"}
    place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    text = str(first["msg"])
    return _problem(400, f"{place}: {text[:1].lower()}{text[1:]}", "see /api")


async def _plain(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse(
        Problem(message=str(error.detail).lower(), hint="see /api").model_dump(), error.status_code, error.headers
    )


def _is_full(error: BaseException | None) -> bool:
    """Return whether an error, or the one that caused it, says that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__
    return False


async def _broken(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s: %s", request.method, request.url.path, explain(error).message, exc_info=error)
    return _problem(500, "the server has a fault", "its terminal says more")


def _problem(status: int, message: str, hint: str) -> JSONResponse:
    return JSONResponse(Problem(message=message, hint=hint).model_dump(), status)
