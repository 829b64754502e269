"""The routes of pictures: WebRTC, JPEG over WebSockets, and the newest picture."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response, WebSocket
from pydantic import BaseModel, ConfigDict, Field
from starlette.websockets import WebSocketDisconnect, WebSocketState

from livedream.errors import ArgumentError
from livedream.studio.media.broadcast import Shown
from livedream.studio.media.jpeg import decode, encode
from livedream.studio.media.peers import MOST_PEERS, TooManyPeersError
from livedream.studio.media.view import SMALLEST, View, render
from livedream.studio.server.context import Context
from livedream.studio.server.errors import ApiError, errors

MOST_SOCKETS = 16
"""How many WebSockets of pictures there may be, to pages and from them together."""
WIDEST = 3840
"""The greatest width that may be asked for, in pixels."""
TRY_LATER, UNSUPPORTED = 1013, 1003
"""Codes with which a WebSocket is closed."""
LONGEST_OFFER = 65_536
"""Characters of an offer; those of browsers have 2000 to 9000."""

Id = Annotated[str, Field(pattern="^[a-z0-9-]{1,64}$")]
Width = Annotated[int | None, Query(ge=SMALLEST, le=WIDEST, description="The greatest width in pixels.")]


class Offer(BaseModel):
    """The offer of a WebRTC connection."""

    model_config = ConfigDict(extra="forbid")

    sdp: str = Field(min_length=1, max_length=LONGEST_OFFER)
    type: Literal["offer"]
    client: Id
    role: Literal["watch", "lend"] = Field(description="watch: receive the dream. lend: send a camera.")


class AnswerModel(BaseModel):
    """The answer to an offer."""

    sdp: str
    type: Literal["answer"] = "answer"
    peer: str = Field(description="The id of the connection.")


def router(context: Context) -> APIRouter:
    """Return the routes of pictures."""
    routes = APIRouter(prefix="/api", tags=["media"])
    _add_webrtc(routes, context)
    _add_sockets(routes, context)

    @routes.get(
        "/picture",
        summary="The newest picture",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **errors(503)},
    )
    async def picture(view: Literal["dream", "source"] = "dream", width: Width = None) -> Response:
        shown = context.session.broadcast.newest
        if shown is None:
            raise ApiError(503, "nothing has been dreamt yet", "try again in a moment", {"Retry-After": "1"})
        data = await asyncio.to_thread(_jpeg, shown, View(1.0 if view == "source" else 0.0, width))
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    return routes


def _add_webrtc(routes: APIRouter, context: Context) -> None:
    @routes.post(
        "/webrtc",
        summary="Connect by WebRTC",
        response_model=AnswerModel,
        responses=errors(503),
    )
    async def connect(offer: Offer, request: Request) -> AnswerModel:
        address = request.client.host if request.client is not None else "127.0.0.1"
        try:
            answer = await context.peers.answer(
                offer.sdp, offer.client, offer.role, lambda: context.clients.view(offer.client), address
            )
        except TooManyPeersError as error:
            raise ApiError(503, f"{MOST_PEERS} connections are open already", "close a page") from error
        return AnswerModel(sdp=answer.sdp, peer=answer.peer)

    @routes.delete(
        "/webrtc/{peer}",
        summary="Close a WebRTC connection",
        status_code=204,
        response_model=None,
        responses=errors(),
    )
    async def disconnect(peer: Annotated[str, Path(pattern="^[a-z0-9-]{1,64}$")]) -> Response:
        # One that is closed already is no error: a page that leaves closes its end at the same time.
        await context.peers.close(peer)
        return Response(status_code=204)


def _add_sockets(routes: APIRouter, context: Context) -> None:
    sockets: set[WebSocket] = set()

    @routes.websocket("/pictures")
    async def pictures(socket: WebSocket, client: Annotated[Id, Query()], width: Width = None) -> None:
        async with _accepted(socket, sockets):
            await _send_pictures(socket, context, client, width)

    @routes.websocket("/camera")
    async def camera(socket: WebSocket, client: Annotated[Id, Query()]) -> None:
        async with _accepted(socket, sockets):
            await _receive_pictures(socket, context, client)


@contextlib.asynccontextmanager
async def _accepted(socket: WebSocket, sockets: set[WebSocket]) -> AsyncIterator[None]:
    """Accept a socket and keep it in `sockets`; close it at once if they are too many."""
    await socket.accept()
    sockets.add(socket)
    try:
        if len(sockets) > MOST_SOCKETS:
            await socket.close(TRY_LATER, "too many sockets of pictures")
        yield
    finally:
        sockets.discard(socket)


async def _send_pictures(socket: WebSocket, context: Context, client: str, width: int | None) -> None:
    """Send the newest picture each time the page has drawn the one before."""
    wanted = asyncio.Event()
    wanted.set()
    watcher = context.session.broadcast.watch(asyncio.get_running_loop())

    async def send() -> None:
        number = 0
        while True:
            await wanted.wait()
            wanted.clear()
            shown = await watcher.newer_than(number)
            number = shown.number
            view = context.clients.view(client)
            limit = min((each for each in (width, view.width) if each is not None), default=None)
            data = await asyncio.to_thread(_jpeg, shown, View(view.split, limit))
            await socket.send_bytes(struct.pack(">dI", shown.captured_ms, number & 0xFFFFFFFF) + data)

    async def receive() -> None:
        while (message := await _received(socket)) is not None:
            if message == "next":
                wanted.set()

    try:
        await _until_first(send(), receive())
    finally:
        watcher.close()


async def _receive_pictures(socket: WebSocket, context: Context, client: str) -> None:
    """Take the pictures of a page's camera, and answer each with "next"."""
    camera = None
    try:
        while (message := await _received(socket)) is not None:
            moment = time.monotonic()
            if not isinstance(message, bytes):
                continue
            try:
                pixels = await asyncio.to_thread(decode, message)
            except ArgumentError as error:
                await socket.close(UNSUPPORTED, str(error))
                return
            if camera is None:
                camera = context.peers.cameras.lend(client)
            camera.put(pixels, moment)
            with contextlib.suppress(WebSocketDisconnect):
                await socket.send_text("next")
    finally:
        if camera is not None:
            camera.close()


async def _received(socket: WebSocket) -> str | bytes | None:
    """Return the next message of a socket; None when it is closed."""
    if socket.application_state is WebSocketState.DISCONNECTED:
        return None
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        return None
    text: str | None = message.get("text")
    data: bytes | None = message.get("bytes")
    return text if text is not None else data or b""


async def _until_first(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until the first one ends; cancel the others."""
    tasks = [asyncio.create_task(work, name="livedream-pictures") for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


def _jpeg(shown: Shown, view: View) -> bytes:
    return encode(render(shown.frame, view))
