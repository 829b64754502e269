"""The gate before all routes: host, origin, token, rate and size of every request and every WebSocket."""

import json
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livedream.studio.server.access import KEY_SECONDS, Access
from livedream.studio.server.errors import ApiError
from livedream.studio.server.hosts import Hosts
from livedream.studio.server.limits import (
    BURST,
    REQUESTS_PER_SECOND,
    TOKENS_BURST,
    TOKENS_PER_SECOND,
    RateLimit,
    Slots,
)
from livedream.studio.server.welcome import moved, stranger

MOST_REQUESTS, MOST_SOCKETS = 128, 64
"""Requests in progress and open WebSockets."""
MOST_BYTES = 1 << 20
"""Of the body of a request; uploads have their own limit."""
UPLOADS = "/api/uploads"
OPEN_TO_ALL = ("/api/session",)
"""Where a token is exchanged, so that none is needed."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob: mediastream:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
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
        secure: whether the server speaks HTTPS.
        port: of the server; its cookie is named after it, because browsers share cookies between ports.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, access: Access, *, secure: bool, port: int) -> None:
        self._app = app
        self._hosts = hosts
        self._access = access
        self._secure = secure
        self._cookie = f"livedream-{port}"
        self._rate = RateLimit(REQUESTS_PER_SECOND, BURST)
        self._attempts = RateLimit(TOKENS_PER_SECOND, TOKENS_BURST)
        self._slots = {"http": Slots(MOST_REQUESTS), "websocket": Slots(MOST_SOCKETS)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in self._slots:
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        slots = self._slots[scope["type"]]
        if not slots.take():
            await refuse(scope, send, ApiError(503, "too many connections", "close some pages", {"retry-after": "2"}))
            return
        try:
            answer = self._check(scope)
            if answer is not None:
                await answer(scope, receive, send)
                return
            body = _Bounded(receive) if scope["type"] == "http" and scope["path"] != UPLOADS else None
            await self._app(scope, body or receive, send)
        except ApiError as error:
            await refuse(scope, send, error)
        finally:
            slots.free()

    def _check(self, scope: Scope) -> ASGIApp | None:
        """Return what answers instead of the routes: the exchange of a token. Raises ApiError for refused requests."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        address = scope["client"][0] if scope.get("client") else ""
        if not self._hosts.knows(headers.get("host", "")):
            raise ApiError(421, "this server does not have that name", "use the address that the terminal shows")
        if not self._rate.allows(address):
            raise ApiError(429, "too many requests", "wait a few seconds", {"retry-after": "2"})
        self._check_origin(headers)
        _check_length(scope, headers)
        token = self._token_in(scope)
        if token is not None:
            return self._exchange(token, address)
        if scope["path"] in OPEN_TO_ALL:
            self._check_attempts(address)
        elif not self._has_key(headers):
            if scope["type"] == "http" and "text/html" in headers.get("accept", ""):
                return stranger("This page needs the link that the terminal shows.")
            raise ApiError(401, "there is no key, or it is not valid", "open the link that the terminal shows")
        return None

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
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in ("/", "/out", "/control"):
            return None
        return parse_qs(scope["query_string"].decode("latin-1")).get("token", [None])[0]

    def _exchange(self, token: str, address: str) -> ASGIApp:
        self._check_attempts(address)
        key = self._access.redeem(token)
        if key is None:
            self.note_failure(address)
            return stranger("This link has been used already, or is too old. The terminal shows a new one.")
        cookie = f"{self._cookie}={key}; Path=/; HttpOnly; SameSite=Strict; Max-Age={KEY_SECONDS}"
        return moved(cookie + ("; Secure" if self._secure else ""))

    def _check_attempts(self, address: str) -> None:
        if not self._attempts.allows(address, 0.0):
            raise ApiError(429, "too many wrong tokens", "wait a minute", {"retry-after": "60"})

    def note_failure(self, address: str) -> None:
        """Count a wrong token of this address."""
        self._attempts.allows(address)

    def _has_key(self, headers: dict[str, str]) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._access.accepts(key.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and self._access.accepts(cookie.value)


def _check_length(scope: Scope, headers: dict[str, str]) -> None:
    length = headers.get("content-length")
    if length is None or scope["path"] == UPLOADS:
        return
    if not (length.isascii() and length.isdigit()):
        raise ApiError(400, "the length of the body is not a number")
    if int(length) > MOST_BYTES:
        raise ApiError(413, f"the body is larger than {MOST_BYTES >> 20} MiB", f"files go to {UPLOADS}")


class _Bounded:
    """Receives at most `MOST_BYTES` of a body whose length is unknown."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            raise ApiError(413, f"the body is larger than {MOST_BYTES >> 20} MiB", f"files go to {UPLOADS}")
        return message


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds `HEADERS` to every answer."""

    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            present = {name.lower() for name, _ in message.get("headers", [])}
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in present]
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
