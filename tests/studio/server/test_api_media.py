"""Pictures over HTTP and WebSockets."""

import contextlib
import io
import struct
import time

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

from livedream.studio.media.jpeg import encode
from livedream.studio.server.api_media import MOST_SOCKETS, TRY_LATER, UNSUPPORTED
from tests.studio.running import running_studio, until


def read(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


def message(data: bytes | str) -> tuple[float, int, Image.Image]:
    """The capture time in Unix ms, the number and the picture of a message."""
    assert isinstance(data, bytes)
    captured, number = struct.unpack(">dI", data[:12])
    return captured, number, read(data[12:])


@pytest.mark.parametrize("view", ["dream", "source"])
def test_the_newest_picture(client, view: str) -> None:
    until(lambda: client.running.session.broadcast.newest)
    answer = client.http.get("/api/picture", params={"view": view, "width": 64})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert read(answer.content).size == (64, 38)
    assert read(client.http.get("/api/picture").content).size == (160, 96)


@pytest.mark.parametrize("values", [{"width": 15}, {"width": 99999}, {"width": "x"}, {"view": "both"}])
def test_a_view_that_does_not_exist_is_refused(client, values) -> None:
    client.refused("GET", "/api/picture", 400, params=values)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sdp": "garbage", "type": "offer", "client": "c-1", "role": "watch"},
        {"sdp": "v=0", "type": "answer", "client": "c-1", "role": "watch"},
        {"sdp": "v=0", "type": "offer", "client": "../etc", "role": "watch"},
        {"sdp": "v=0", "type": "offer", "client": "c-1", "role": "both"},
        {"sdp": "v=0" * 40_000, "type": "offer", "client": "c-1", "role": "lend"},
        {"sdp": "v=0", "type": "offer", "client": "c-1", "role": "lend", "more": 1},
    ],
)
def test_a_wrong_offer_is_refused(client, body) -> None:
    client.refused("POST", "/api/webrtc", 400, json=body)


def test_a_connection_that_is_closed_already_is_no_error(client) -> None:
    assert client.http.delete("/api/webrtc/0123abc").status_code == 204
    client.refused("DELETE", "/api/webrtc/A%20B", 400)


def test_pictures_come_one_at_a_time(client) -> None:
    with client.socket("/api/pictures?client=c-1&width=64") as page:
        captured, number, picture = message(page.recv(timeout=20))
        assert picture.size == (64, 38)
        assert 0 <= time.time() * 1000 - captured < 20_000
        broadcast = client.running.session.broadcast
        until(lambda: broadcast.newest.number > number + 2)
        with pytest.raises(TimeoutError):
            page.recv(timeout=0.2)
        page.send("next")
        assert message(page.recv(timeout=20))[1] > number + 2


def test_the_split_of_a_page_holds_for_its_pictures(client) -> None:
    with client.events() as events:
        events.send(type="view", split=1.0)
        until(lambda: client.running.session.broadcast.newest)
        with client.socket(f"/api/pictures?client={events.client}") as page:

            def difference() -> float:
                picture = np.asarray(message(page.recv(timeout=20))[2]).astype(int)
                page.send("next")
                source = client.http.get("/api/picture", params={"view": "source"}).content
                return float(np.abs(picture - np.asarray(read(source))).mean())

            until(lambda: difference() < 12)


def test_sockets_of_pictures_have_a_bound_and_leave_nothing(client) -> None:
    watched = client.running.session.broadcast
    until(lambda: watched.watched == 0)
    with contextlib.ExitStack() as sockets:
        for _ in range(MOST_SOCKETS):
            sockets.enter_context(client.socket("/api/pictures?client=c-1")).recv(timeout=20)
        with client.socket("/api/pictures?client=c-1") as one_more, pytest.raises(ConnectionClosed) as caught:
            one_more.recv(timeout=20)
        assert caught.value.rcvd.code == TRY_LATER
    until(lambda: watched.watched == 0)


def test_a_camera_is_lent_picture_by_picture(tmp_path) -> None:
    """In a studio of its own: another source means other threads."""
    grey = encode(np.full((48, 64, 3), 90, np.uint8))
    with (
        running_studio(tmp_path) as client,
        client.events() as events,
        client.socket(f"/api/camera?client={events.client}") as page,
    ):
        page.send(grey)
        assert page.recv(timeout=20) == "next"
        client.put("/api/source", {"kind": "browser", "id": events.client})

        def dreamt() -> bool:
            page.send(grey)
            assert page.recv(timeout=20) == "next"
            state = client.get("/api/state")
            return state["phase"] == "running" and state["source"]["kind"] == "browser"

        until(dreamt)
        assert client.get("/api/state")["source"]["width"] == 64
        page.send(grey)
        until(lambda: read(client.http.get("/api/picture", params={"view": "source"}).content).size == (64, 48))


@pytest.mark.parametrize("data", [b"", b"GIF89a", encode(np.zeros((1100, 1930, 3), np.uint8))])
def test_a_camera_that_sends_something_else_is_closed(client, data: bytes) -> None:
    with client.socket("/api/camera?client=c-1") as page:
        page.send(data)
        with pytest.raises(ConnectionClosed) as caught:
            page.recv(timeout=20)
        assert caught.value.rcvd.code == UNSUPPORTED


@pytest.mark.parametrize(
    "path", ["/api/pictures", "/api/pictures?client=..", "/api/pictures?client=c-1&width=1", "/api/camera"]
)
def test_a_socket_without_a_page_is_refused(client, path: str) -> None:
    with pytest.raises(Exception, match=r"rejected|403|1008"), client.socket(path) as page:
        page.recv(timeout=20)
