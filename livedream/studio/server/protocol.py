"""The HTTP protocol of the server, with bounds on connections that ask for nothing."""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
"""Open at a time. Each takes a file descriptor, of which a process may have 256 on some systems and 1024 on most."""
HEADER_SECONDS = 10.0
"""How long the first request of a connection may take to arrive."""


class BoundedProtocol(H11Protocol):
    """Closes a connection on which no request arrives: after a while, or when there are too many, the oldest first.

    So idle connections, however many, shut nobody out. Each server has a subclass, see `bounded_protocol`.
    """

    silent: ClassVar[dict["BoundedProtocol", None]]
    """The connections without a request, in the order in which they were made."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.silent[self] = None
        self._waiting = asyncio.get_running_loop().call_later(HEADER_SECONDS, self._end)
        if len(self.connections) > MOST_CONNECTIONS:
            next(iter(self.silent))._end()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # After an upgrade the connection belongs to a WebSocket.
        if self.cycle is not None or self.transport.get_protocol() is not self:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget()

    def _forget(self) -> None:
        self._waiting.cancel()
        self.silent.pop(self, None)

    def _end(self) -> None:
        self._forget()
        self.transport.close()


def bounded_protocol() -> type[BoundedProtocol]:
    """Return the protocol for one server."""
    return type("BoundedProtocol", (BoundedProtocol,), {"silent": {}})
