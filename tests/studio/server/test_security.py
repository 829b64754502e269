"""The gate before all routes, on a real server: refused requests never reach a route."""

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from livedream.studio.server import protocol, security
from livedream.studio.server.access import Access
from livedream.studio.server.errors import ApiError, refused
from livedream.studio.server.hosts import Hosts
from livedream.studio.server.limits import RateLimit, WrongTokens
from livedream.studio.server.security import MOST_BYTES, Gate
from livedream.studio.server.serving import bind, serving
from tests.studio.running import until


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return json.loads(self.body)["message"]


class Server:
    """A server whose routes note what reaches them."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.reached: list[str] = []
        self.key = access.redeem(access.new_token()) or ""
        self.port = 0

    def app(self) -> Starlette:
        async def note(request: Request) -> JSONResponse:
            body = await request.body()
            self.reached.append(request.url.path)
            return JSONResponse({"bytes": len(body)})

        async def talk(socket: WebSocket) -> None:
            await socket.accept()
            self.reached.append("socket")
            await socket.send_text("hello")
            with contextlib.suppress(Exception):
                await socket.receive_text()

        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[WebSocketRoute("/api/events", talk), Route("/{path:path}", note, methods=methods)],
            exception_handlers={ApiError: refused},
        )

    def ask(
        self, method: str = "GET", path: str = "/api/state", *, body=None, key: str | None = "", **headers
    ) -> Answer:
        """Send a request with a valid key, unless another one or None is given; underscores in headers are dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent.setdefault("authorization", f"Bearer {key or self.key}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=sent, encode_chunked="transfer-encoding" in sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    server = Server(Access(tmp_path / "secret"))
    bound = bind("127.0.0.1", 0)
    server.port = bound.getsockname()[1]
    gate = Gate(
        server.app(),
        Hosts("127.0.0.1", server.port, "http"),
        server.access,
        WrongTokens(),
        secure=False,
        port=server.port,
    )

    async def nothing() -> None:
        await asyncio.sleep(0)

    with serving(gate, bound, on_end=nothing):
        yield server


def test_a_key_opens_the_routes(server) -> None:
    assert server.ask().status == 200
    assert server.reached == ["/api/state"]


@pytest.mark.parametrize("key", [None, "wrong", "9999999999.aa.bb"])
def test_without_a_key_nothing_is_reached(server, key) -> None:
    answer = server.ask(key=key)
    assert (answer.status, server.reached) == (401, [])
    assert "key" in answer.message


def test_a_person_without_a_key_gets_a_page(server) -> None:
    answer = server.ask("GET", "/", key=None, accept="text/html,*/*")
    assert answer.status == 401
    assert b"the link that the terminal shows" in answer.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1:1", "192.168.0.1", ""])
def test_a_foreign_host_is_refused(server, host) -> None:
    answer = server.ask(host=host)
    assert (answer.status, server.reached) == (421, [])


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost", "http://127.0.0.1:1"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_foreign_page_is_refused(server, method, origin) -> None:
    answer = server.ask(method, origin=origin)
    assert (answer.status, server.reached) == (403, [])


def test_the_own_page_is_not(server) -> None:
    assert server.ask("POST", origin=f"http://127.0.0.1:{server.port}").status == 200


def test_a_foreign_page_cannot_even_load_a_picture(server) -> None:
    assert server.ask(sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status == 403
    assert server.ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate").status == 200  # a link to the page


def test_a_link_gives_a_cookie_once(server) -> None:
    token = server.access.new_token()
    answer = server.ask("GET", f"/?token={token}", key=None)
    assert answer.status == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert token not in answer.body.decode()
    assert server.ask(key=None, cookie=cookie.partition(";")[0]).status == 200
    again = server.ask("GET", f"/?token={token}", key=None)
    assert (again.status, "set-cookie" in again.headers) == (401, False)


def test_a_link_keeps_the_rest_of_its_address(server) -> None:
    answer = server.ask("GET", f"/out?fit=cover&token={server.access.new_token()}&mirror=1", key=None)
    assert b'content="0;url=/out?fit=cover&amp;mirror=1"' in answer.body


def test_the_cookie_of_another_port_does_not_count(server) -> None:
    assert server.ask(key=None, cookie=f"livedream-1={server.key}").status == 401
    assert server.ask(key=None, cookie="a=b; =;;; livedream").status == 401


def test_a_large_body_is_refused_before_it_is_read(server) -> None:
    answer = server.ask("PATCH", content_length=str(1 << 30))
    assert (answer.status, server.reached) == (413, [])


def test_a_body_of_unknown_length_is_cut_off(server) -> None:
    chunks = iter([b"x" * 65536] * (MOST_BYTES // 65536 + 2))
    answer = server.ask("PATCH", body=chunks, transfer_encoding="chunked")
    assert (answer.status, server.reached) == (413, [])


def test_a_body_that_does_not_arrive_is_given_up(server, monkeypatch) -> None:
    monkeypatch.setattr(security, "BODY_SECONDS", 0.2)
    answer = server.ask("POST", "/api/session", key=None, body=b"{", content_length="100")
    assert (answer.status, server.reached) == (408, [])


def test_strangers_cannot_take_all_places(server) -> None:
    """Each begins a request that needs no key, and never ends it."""
    head = f"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 100\r\n\r\n{{"
    with contextlib.ExitStack() as stack:
        for _ in range(security.MOST_REQUESTS + 5):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            connection.sendall(head.encode())
        assert until(lambda: server.ask("POST", "/api/session", key=None, body=b"{}").status == 503)
        assert server.ask().status == 200


def test_nobody_chooses_their_own_address(server) -> None:
    """Rates are counted by address: X-Forwarded-For must not change it."""
    statuses = [
        server.ask("GET", f"/?token=x{number}", key=None, x_forwarded_for=f"10.0.0.{number}").status
        for number in range(14)
    ]
    assert statuses[-1] == 429


def test_the_right_token_works_after_many_wrong_ones(server) -> None:
    for number in range(14):
        server.ask("GET", f"/?token=wrong{number}", key=None)
    assert server.ask("GET", f"/?token={server.access.new_token()}", key=None).status == 200


def test_wrong_keys_are_limited_and_do_not_shut_out_the_right_one(server) -> None:
    statuses = [server.ask(key=f"wrong-{number}").status for number in range(14)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    assert server.ask().status == 200


def test_requests_of_strangers_do_not_count_for_who_has_a_key(server, monkeypatch) -> None:
    monkeypatch.setattr(RateLimit, "allows", lambda self, address, cost=1.0: address != "127.0.0.1")
    assert server.ask(key=None).status == 429
    assert server.ask().status == 200


@pytest.mark.parametrize(
    "other", ['x={"a":1}', "foo", "a[b]=1", "a@b=1", 'x="un', "expires=x", "n\u00e4me=1", "=;;", "livedream-1=2"]
)
def test_a_cookie_of_another_server_shuts_nobody_out(server, other) -> None:
    own = f"livedream-{server.port}={server.key}"
    for cookie in (f"{other}; {own}", f"{own}; {other}"):
        assert server.ask(key=None, cookie=cookie.encode("latin-1")).status == 200


def test_a_header_that_comes_twice_is_refused(server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        lines = ["GET /api/state HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Origin: http://evil.example"]
        lines += [f"Origin: http://127.0.0.1:{server.port}", f"Authorization: Bearer {server.key}", "", ""]
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")
    assert server.reached == []


def test_connections_are_bounded_and_silent_ones_end(server, monkeypatch) -> None:
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 8)
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.5)
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)) for _ in range(30)
        ]
        idle[-1].sendall(b"GET / HTTP/1.1\r\nHost:")  # half a header
        assert server.ask().status == 200
        assert [connection.recv(1) for connection in idle] == [b""] * 30
    assert server.ask().status == 200


def test_wrong_tokens_are_limited(server) -> None:
    statuses = [server.ask("GET", f"/?token=wrong{number}", key=None).status for number in range(14)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429


def test_too_many_requests_are_refused(server, monkeypatch) -> None:
    monkeypatch.setattr(RateLimit, "allows", lambda self, address, cost=1.0: False)
    assert server.ask().status == 429


@pytest.mark.parametrize(
    "path", ["/api/../../etc/passwd", "/static/../../secret", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5c"]
)
def test_without_a_key_no_path_is_looked_at(server, path) -> None:
    assert server.ask("GET", path, key=None).status == 401


def test_every_answer_has_the_headers(server) -> None:
    for answer in (server.ask(), server.ask(key=None), server.ask(host="evil.example")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["referrer-policy"] == "no-referrer"


# WebSockets


def test_a_socket_needs_a_key_and_its_own_page(server) -> None:
    url, key = f"ws://127.0.0.1:{server.port}/api/events", {"Authorization": f"Bearer {server.key}"}
    with connect(url, additional_headers=key) as talk:
        assert talk.recv(timeout=10) == "hello"
    for headers, status in (({}, 401), ({**key, "Origin": "http://evil.example"}, 403)):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers=headers)
        assert refused.value.response.status_code == status
    upgrade = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_version": "13",
        "sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert server.ask("GET", "/api/events", host="evil.example", **upgrade).status == 421
    assert server.reached == ["socket"]


def test_500_connections_leave_the_server_alive(server) -> None:
    idle = []
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            idle.append(connection)
        assert server.ask().status == 200
    assert server.ask().status == 200


def test_sockets_are_bounded(server, monkeypatch) -> None:
    url, key = f"ws://127.0.0.1:{server.port}/api/events", {"Authorization": f"Bearer {server.key}"}
    with contextlib.ExitStack() as stack:
        for _ in range(security.MOST_SOCKETS):
            stack.enter_context(connect(url, additional_headers=key))
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers=key)
        assert refused.value.response.status_code == 503
        assert server.ask().status == 200  # requests have their own places
    with connect(url, additional_headers=key) as talk:
        assert talk.recv(timeout=10) == "hello"
