"""The socket of the server."""

import asyncio
import socket

from livedream.studio.server.serving import bind


def test_connections_answer_at_once() -> None:
    """Without Nagle's algorithm, which holds the second half of an answer back for some 40 ms."""

    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bind("127.0.0.1", 0) as bound:
            async with await asyncio.start_server(serve, sock=bound):
                _, writer = await asyncio.open_connection(*bound.getsockname()[:2])
                result = await found
                writer.close()
                await writer.wait_closed()
        return result

    assert asyncio.run(accepted()) == 1
