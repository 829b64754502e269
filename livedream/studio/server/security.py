"""The gate before all routes: host, origin, token, rate and size of every request and every WebSocket."""

import asyncio
import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livedream.studio.server.access import KEY_SECONDS, Access
from livedream.studio.server.errors import ApiError
from livedream.studio.server.hosts import Hosts
from livedream.studio.server.limits import (
    BURST,
    REQUESTS_PER_SECOND,
    RateLimit,
    Slots,
    WrongTokens,
)
from livedream.studio.server.welcome import moved, stranger

MOST_REQUESTS, MOST_SOCKETS = 128, 64
"""Requests in progress and open WebSockets."""
MOST_STRANGERS = 8
"""Requests in progress that need no key."""
MOST_BYTES, BODY_SECONDS = 1 << 20, 15.0
"""Of the body of a request; uploads have their own limits."""
_TOO_LARGE = f"the body is larger than {MOST_BYTES >> 20} MiB"
UPLOADS = "/api/uploads"
PAGES = ("/", "/out", "/control", "/farm")
"""The pages, whose address may hold a token."""
OPEN_TO_ALL = ("/api/session",)
"""Where a token is exchanged, so that none is needed."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob: mediastream:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), display-capture=(self), fullscreen=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
"""Of every answer. `no-store`: pictures of a camera belong into no cache. A route may set its own."""


class Gate:
    """Refuses requests that are not meant for this server, come from foreign pages, or have no key.

    Args:
        app: what answers the others.
        hosts: the names of this server.
        access: checks tokens and keys.
        wrong_tokens: counts those that are wrong.
        secure: whether the server speaks HTTPS.
        port: of the server; its cookie is named after it, because browsers share cookies between ports.
    """

    def __init__(
        self, app: ASGIApp, hosts: Hosts, access: Access, wrong_tokens: WrongTokens, *, secure: bool, port: int
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._access = access
        self._wrong_tokens = wrong_tokens
        self._secure = secure
        self._cookie = f"livedream-{port}"
        # Over plain HTTP browsers know this one only on the machine itself, and complain elsewhere.
        self._headers = HEADERS | ({"cross-origin-opener-policy": "same-origin"} if secure or hosts.is_private else {})
        # A key has a rate of its own: strangers, who may have the same address, use up none of it.
        self._rate = RateLimit(REQUESTS_PER_SECOND, BURST)
        self._slots = {
            "http": Slots(MOST_REQUESTS),
            "websocket": Slots(MOST_SOCKETS),
            "stranger": Slots(MOST_STRANGERS),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = _with_headers(send, self._headers)
        try:
            answer = self._check(scope)
            if answer is not None:
                await answer(scope, receive, send)
                return
            slots = self._slots["stranger" if scope["path"] in OPEN_TO_ALL else scope["type"]]
            if not slots.take():
                raise ApiError(503, "too many connections", "close some pages", {"retry-after": "2"})
            try:
                body = _Bounded(receive) if scope["type"] == "http" and scope["path"] != UPLOADS else None
                await self._app(scope, body or receive, send)
            finally:
                slots.free()
        except ApiError as error:
            await refuse(scope, send, error)

    def _check(self, scope: Scope) -> ASGIApp | None:
        """Return what answers instead of the routes: the exchange of a token. Raises ApiError for refused requests."""
        headers = _headers(scope)
        address = scope["client"][0] if scope.get("client") else ""
        if not self._hosts.knows(headers.get("host", "")):
            raise ApiError(421, "this server does not have that name", "use the address that the terminal shows")
        self._check_origin(headers)
        _check_length(scope, headers)
        token = self._token_in(scope)
        if token is not None:
            return self._exchange(token, address)
        key = self._key_in(headers)
        if not self._rate.allows(address if key is None else key):
            raise ApiError(429, "too many requests", "wait a few seconds", {"retry-after": "2"})
        if key is not None or scope["path"] in OPEN_TO_ALL:
            return None
        if "authorization" in headers:
            self._wrong_tokens.note(address)
        if scope["type"] == "http" and "text/html" in headers.get("accept", ""):
            return stranger("This page needs the link that the terminal shows.")
        raise ApiError(401, "there is no key, or it is not valid", "open the link that the terminal shows")

    def _check_origin(self, headers: dict[str, str]) -> None:
        origin = headers.get("origin")
        if origin is not None and not self._hosts.is_own_page(origin):
            raise ApiError(403, "this request comes from a page of another site", "open the studio's own page")
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            raise ApiError(403, "this request comes from a page of another site", "open the studio's own page")

    @staticmethod
    def _token_in(scope: Scope) -> str | None:
        """Return the token in the address of a page."""
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or scope["path"] not in ("/", "/out", "/control", "/farm")
        ):
            return None
        return parse_qs(scope["query_string"].decode("latin-1")).get("token", [None])[0]

    def _exchange(self, token: str, address: str) -> ASGIApp:
        key = self._access.redeem(token)
        if key is None:
            self._wrong_tokens.note(address)
            return stranger("This link has been used already, or is too old. The terminal shows a new one.")
        cookie = f"{self._cookie}={key}; Path=/; HttpOnly; SameSite=Strict; Max-Age={KEY_SECONDS}"
        return moved(cookie + ("; Secure" if self._secure else ""))

    def _key_in(self, headers: dict[str, str]) -> str | None:
        """Return the valid key in the headers of a request; None if there is none."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        keys = [bearer.strip()] if scheme.lower() == "bearer" else []
        # By hand: SimpleCookie drops all cookies when another server of this machine has set an odd one.
        for cookie in headers.get("cookie", "").split(";"):
            name, _, value = cookie.partition("=")
            if name.strip() == self._cookie:
                keys.append(value.strip())
        return next((key for key in keys if self._access.accepts(key)), None)


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers of a request. Raises ApiError when one that decides about access comes twice."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name in found and name in ("host", "origin", "authorization", "content-length"):
            raise ApiError(400, f"the header {name} comes twice", "send it once")
        found[name] = f"{found[name]}; {value}" if name == "cookie" and name in found else value
    return found


def _check_length(scope: Scope, headers: dict[str, str]) -> None:
    length = headers.get("content-length")
    if length is None or scope["path"] == UPLOADS:
        return
    if not (length.isascii() and length.isdigit()):
        raise ApiError(400, "the length of the body is not a number", "send the number of bytes")
    if int(length) > MOST_BYTES:
        raise ApiError(413, _TOO_LARGE, f"files go to {UPLOADS}")


class _Bounded:
    """Receives a body of at most `MOST_BYTES`, within `BODY_SECONDS`.

    It raises Starlette's exception, which FastAPI lets pass while it reads a body.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0
        self._deadline: float | None = asyncio.get_running_loop().time() + BODY_SECONDS

    async def __call__(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, "the body does not arrive") from error
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        if not message.get("more_body"):
            self._deadline = None  # from now on it waits for the end of the connection
        return message


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Return a `send` that adds headers to every answer that does not set them itself."""

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            present = {name.lower() for name, _ in message.get("headers", [])}
            added = [(name.encode(), value.encode()) for name, value in headers.items() if name.encode() not in present]
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return sending


async def refuse(scope: Scope, send: Send, error: ApiError) -> None:
    """Answer a request or the opening of a WebSocket with an error."""
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    if scope["type"] == "websocket" and prefix not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.problem.message})
        return
    body = json.dumps(error.problem.model_dump()).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **error.headers}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{prefix}.start", "status": error.status, "headers": encoded})
    await send({"type": f"{prefix}.body", "body": body})
