"""The server on a thread of its own."""

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from livedream.errors import SinkError
from livedream.hints import option
from livedream.studio.server.certificate import Certificate
from livedream.studio.server.protocol import bounded_protocol

START_SECONDS = 10.0
CLOSE_SECONDS = 5.0
"""How long requests in progress may take when the server ends."""
BACKLOG = 256
UNREAD_MILLISECONDS = 30_000
"""How long sent data may stay without an answer before the connection ends."""

_LIBRARIES = ("uvicorn", "websockets", "aiortc", "aioice", "asyncio")
"""Their loggers report what a browser does wrong. Python prints that on standard error where nobody handles it."""

_log = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port`; port 0 takes a free one. Raises SinkError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns off the algorithm of Nagle only for sockets that name their protocol: each answer took 44 ms, not 1.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # also for a peer that answers, but reads nothing
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        about_port = getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES)
        port_hint, host_hint = f"choose another {option('port')}, or 0 for any", f"choose another {option('host')}"
        hint = port_hint if about_port else f"{host_hint}: an address of this machine"
        raise SinkError(f"{host}:{port} cannot be used: {reason}", hint) from error
    return bound


@contextlib.contextmanager
def serving(
    app: ASGIApp,
    bound: socket.socket,
    *,
    certificate: Certificate | None = None,
    on_end: Callable[[], Awaitable[None]],
) -> Iterator[None]:
    """Serve `app` on a thread inside the block.

    Args:
        bound: where; it is closed at the end.
        certificate: for HTTPS.
        on_end: awaited on the event loop before it ends.

    Raises SinkError when the server does not start.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # an address may contain a token
        lifespan="off",
        proxy_headers=False,  # anybody could choose the address that rates are counted by
        http=bounded_protocol(),
        ws="websockets-sansio",
        ws_max_size=4 << 20,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(CLOSE_SECONDS),
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 << 10,
        server_header=False,
        ssl_certfile=None if certificate is None else str(certificate.chain),
        ssl_keyfile=None if certificate is None else str(certificate.key),
    )
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        if not library.handlers:
            library.addHandler(logging.NullHandler())
    server = _Server(config)
    thread = threading.Thread(target=_serve, args=(server, bound, on_end), name="livedream-server")
    thread.start()
    try:
        if not server.ready.wait(START_SECONDS):
            raise SinkError("the server does not start", "run it again with -vv")
        yield
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the main thread, which ends the studio


def _serve(server: _Server, bound: socket.socket, on_end: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(_log_exception)
        try:
            await server.serve([bound])
        finally:
            await on_end()

    asyncio.run(main())


def _log_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error in a callback: browsers may leave at any time."""
    _log.info("%s", context.get("message"), exc_info=context.get("exception"))
