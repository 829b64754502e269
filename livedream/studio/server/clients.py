"""The pages that are open: what each of them has to be told, and which part of the picture it wants."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from livedream.studio.media.view import View
from livedream.studio.session.publisher import Publisher

MOST_WAITING = 256
"""Messages for one page. A page that takes none for so long is disconnected; it comes back and asks for the state."""


class Client:
    """One page, from the opening of its events socket to the end. Used on the thread of the event loop.

    since: the number of the state that the page knows.
    """

    def __init__(self, since: int) -> None:
        self.id = f"c-{secrets.token_hex(6)}"
        self.view = View(0.0, None)
        self._waiting: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(MOST_WAITING)
        self._since = since
        self._gone = False

    def tell(self, message: Mapping[str, Any]) -> None:
        """Queue a message. A page is not told of its own changes, nor of those in the state that it began with."""
        if message.get("by") != self.id and message.get("rev", self._since + 1) > self._since:
            self.answer(message)

    def answer(self, message: Mapping[str, Any]) -> None:
        """Queue an answer, after the messages that were before it."""
        if self._gone:
            return
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.leave()

    def leave(self) -> None:
        """End the connection."""
        self._gone = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> Mapping[str, Any] | None:
        """Wait for the next message; None when the connection ends."""
        return await self._waiting.get()


class Clients:
    """All pages. `join`, `leave` and `view` belong to the thread of the event loop; `tell` to any thread.

    Args:
        publisher: of the session, whose messages go to all pages.
        on_count: called with the number of pages when it changes.
    """

    def __init__(self, publisher: Publisher, on_count: Callable[[int], None]) -> None:
        self._publisher = publisher
        self._on_count = on_count
        self._clients: dict[str, Client] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._clients)

    def join(self) -> tuple[Client, dict[str, Any]]:
        """Add a page and return it, with the message of type `hello`."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._publisher.listen(self.tell)
        hello = self._publisher.hello()
        client = Client(hello["rev"])
        self._clients[client.id] = client
        self._on_count(len(self._clients))
        return client, {**hello, "client": client.id}

    def leave(self, client: Client) -> None:
        """Remove a page."""
        if self._clients.pop(client.id, None) is not None:
            self._on_count(len(self._clients))

    def view(self, id: str) -> View:
        """Return what the page `id` wants to see; the whole dream for an unknown one."""
        client = self._clients.get(id)
        return client.view if client is not None else View(0.0, None)

    def knows(self, id: str) -> bool:
        """Return whether the page `id` is open."""
        return id in self._clients

    def tell(self, message: Mapping[str, Any]) -> None:
        """Tell all pages. Any thread may call it."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, message)

    def _tell(self, message: Mapping[str, Any]) -> None:
        for client in list(self._clients.values()):
            client.tell(message)
