"""Errors as the server answers them: a status, one line, and a hint."""

from typing import Any

from pydantic import BaseModel, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse

from livedream.printable import printable


class Problem(BaseModel):
    """The body of every error."""

    message: str
    """One line."""
    hint: str = ""
    """What to do about it."""

    @field_validator("message", "hint")
    @classmethod
    def _printable(cls, text: str) -> str:
        return printable(text)  # a request may have brought half a character, which no JSON can hold


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: the HTTP status, 400 to 599.
        message: one line for people.
        hint: what to do about it.
        headers: more headers of the answer.
    """

    def __init__(self, status: int, message: str, hint: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(message=message, hint=hint)
        self.headers = headers or {}


async def refused(request: Request, error: Exception) -> JSONResponse:
    """Answer with an ApiError: the handler of the application for them."""
    if not isinstance(error, ApiError):
        raise error
    return JSONResponse(error.problem.model_dump(), error.status, error.headers)


_MEANINGS = {
    400: "A value is wrong.",
    401: "There is no token, or it is wrong.",
    403: "The request comes from a page of another site.",
    404: "There is no such thing.",
    408: "The body does not arrive.",
    409: "It is not possible at the moment.",
    411: "The length of the body is missing.",
    413: "The body is too large.",
    415: "The type of the body is not supported.",
    421: "The request is for another host.",
    422: "The file cannot be decoded.",
    429: "There are too many requests.",
    503: "The server is busy, or nothing has been dreamt yet.",
    507: "The disk is full.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an operation that may answer with these statuses, and with those of every operation."""
    return {
        status: {"model": Problem, "description": _MEANINGS[status]}
        for status in sorted({400, 401, 403, 408, 413, 421, 429, *statuses})
    }
