"""The events socket: a page hears of every change, and sets controls."""

import asyncio
import contextlib
import json
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from livedream.errors import ArgumentError, LivedreamError
from livedream.faults import explain
from livedream.studio.media.view import View
from livedream.studio.server.clients import Client
from livedream.studio.server.context import Context
from livedream.studio.server.limits import RateLimit

LONGEST = 64 << 10
"""Characters of a message from a page."""
MESSAGES_PER_SECOND, BURST = 200.0, 400.0
"""Messages of one page: a slider sends one for each answer, a view one for each frame of the screen."""
UNSUPPORTED, POLICY, TOO_LARGE = 1003, 1008, 1009
"""Close codes of RFC 6455."""


def router(context: Context) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.websocket("/api/events")
    async def events(socket: WebSocket) -> None:
        await socket.accept()
        client, hello = context.clients.join()
        sending = asyncio.create_task(_send_all(socket, client))
        try:
            client.answer({**hello, "now": _now()})
            await _receive_all(socket, client, context)
        except WebSocketDisconnect:
            pass
        finally:
            context.clients.leave(client)
            client.leave()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending

    return routes


async def _send_all(socket: WebSocket, client: Client) -> None:
    while (message := await client.next()) is not None:
        try:
            # In ASCII: what a page sent may come back, and half a character has no UTF-8.
            await socket.send_text(json.dumps(message))
        except (WebSocketDisconnect, RuntimeError):  # Starlette raises RuntimeError once the socket is closed
            return
    with contextlib.suppress(RuntimeError):
        await socket.close(1013)  # try again later


async def _receive_all(socket: WebSocket, client: Client, context: Context) -> None:
    rate = RateLimit(MESSAGES_PER_SECOND, BURST)
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return
        text = received.get("text")
        if text is None:
            await socket.close(UNSUPPORTED, "a message is text")
            return
        if len(text) > LONGEST:
            await socket.close(TOO_LARGE)
            return
        if not rate.allows(client.id):
            await socket.close(POLICY, "too many messages")
            return
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            await socket.close(POLICY, "a message is a JSON object")
            return
        answer = _answer(message, client, context)
        if answer is not None:
            client.answer(answer)


def _answer(message: dict[str, Any], client: Client, context: Context) -> dict[str, Any] | None:
    """Do what a page asks for, and return the answer."""
    number = message.get("id") if _is_number(message.get("id")) else None
    match message:
        case {"type": "ping", "t": moment} if _is_number(moment):
            return {"type": "pong", "t": moment, "now": _now()}
        case {"type": "view", "split": split} if _is_number(split) and 0 <= split <= 1:
            client.view = View(float(split), None)
            return None
        case {"type": "set", "settings": dict() as values} if number is not None:
            try:
                return {"type": "ack", "id": number, "rev": context.session.desk.change(values, by=client.id)}
            except (ArgumentError, LivedreamError) as error:
                fault = explain(error)
                return {"type": "refused", "id": number, "message": fault.message, "hint": fault.hint}
    return {"type": "refused", "id": number, "message": "unknown message", "hint": "see /api"}


def _is_number(value: object) -> bool:
    """Return whether a value from JSON is a number that JavaScript can hold exactly enough, and JSON can write."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _now() -> float:
    return time.time() * 1000
