"""The sources that a page can choose, and links for other devices."""

import io
import struct
import xml.etree.ElementTree as ET

import cv2
import httpx
import numpy as np
import pytest
import segno
from PIL import Image

from livedream.studio.media.browser_camera import BrowserCameras
from livedream.studio.server.api_sources import qr_code
from tests.films import BLUE, RED
from tests.studio.running import until


def jpeg(color: tuple[int, int, int]) -> bytes:
    picture = np.full((96, 128, 3), color[::-1], np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_what_there_is_can_be_chosen(client) -> None:
    choices = client.get("/api/sources")["choices"]
    assert {"kind": "demo", "id": "", "name": "demo video"} in choices
    assert {"kind": "given", "id": "", "name": "film.mp4"} in choices


def test_another_source_keeps_the_settings(own_client) -> None:
    own_client.patch("/api/settings", {"strength": 0.25})
    own_client.put("/api/mirror", {"on": True})
    state = own_client.put("/api/source", {"kind": "demo"})
    assert state["source"]["kind"] == "demo"
    own_client.until(lambda state: state["phase"] == "running" and state["source"]["width"] == 1280)
    state = own_client.get("/api/state")
    assert (state["settings"]["strength"], state["mirrored"]) == (0.25, True)
    own_client.put("/api/source", {"kind": "given"})
    own_client.until(lambda state: state["phase"] == "running" and state["source"]["width"] == 160)


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "file", "id": "no-such-file"},
        {"kind": "camera", "id": "99"},
        {"kind": "screen", "id": "9"},
        {"kind": "file", "id": "../../etc/passwd"},
        {"kind": "film", "id": ""},
        {"kind": "camera", "id": "/dev/video0"},
        {"kind": "demo", "id": "x"},
        {},
    ],
)
def test_what_there_is_not_is_refused_and_the_dream_goes_on(client, wanted) -> None:
    before = client.get("/api/state")["source"]
    client.refused("PUT", "/api/source", 400, json=wanted)
    assert client.get("/api/state")["source"] == before


def test_the_camera_of_a_browser_is_dreamt_and_its_end_is_told(own_client) -> None:
    with own_client.events() as page:
        with own_client.socket(f"/api/camera?client={page.client}") as camera:
            camera.send(jpeg(RED))
            assert camera.recv(timeout=10) == "next"
            own_client.put("/api/source", {"kind": "browser", "id": page.client})
            for color in [BLUE] * 5:
                camera.send(jpeg(color))
                assert camera.recv(timeout=10) == "next"
            state = own_client.until(lambda state: state["phase"] == "running" and state)
            assert (state["source"]["lender"], state["source"]["width"]) == (page.client, 128)

            def is_blue() -> bool:
                camera.send(jpeg(BLUE))
                camera.recv(timeout=10)
                shown = own_client.running.session.newest_source
                return (
                    shown is not None and shown.size == (128, 96) and abs(int(shown.pixels[50, 50, 2]) - BLUE[2]) < 12
                )

            until(is_blue)
        state = own_client.until(lambda state: state["phase"] == "waiting" and state)
        assert "ended" in state["trouble"]["message"]
        assert state["trouble"]["hint"]


def test_a_page_that_is_not_open_lends_nothing(client) -> None:
    assert "page" in client.refused("PUT", "/api/source", 409, json={"kind": "browser", "id": "c-000000000000"})


def test_a_camera_that_sends_nothing_is_given_up(own_client, monkeypatch) -> None:
    monkeypatch.setattr(BrowserCameras.open, "__defaults__", (0.2,))
    with own_client.events() as page:
        own_client.put("/api/source", {"kind": "browser", "id": page.client})
        trouble = own_client.until(lambda state: state["phase"] == "failed" and state["trouble"])
        assert trouble["hint"]


def test_a_picture_of_the_size_of_a_bomb_is_not_decoded(client) -> None:
    bomb = bytearray(jpeg(RED))
    place = bomb.index(b"\xff\xc0") + 5
    bomb[place : place + 4] = struct.pack(">HH", 50_000, 50_000)
    with client.events() as page, client.socket(f"/api/camera?client={page.client}") as camera:
        camera.send(bytes(bomb))
        with pytest.raises(Exception, match=r"1003|unsupported|larger|pixels"):
            camera.recv(timeout=10)
    client.get("/api/state")


# Links


def test_a_link_opens_another_browser_once(client) -> None:
    link = client.post("/api/links")
    assert link["minutes"] == 10
    with httpx.Client() as other:
        assert other.get(link["url"]).status_code == 200
        assert other.get(f"{client.base}/api/state").status_code == 200
        assert other.get(link["url"]).status_code == 401
        assert other.get(f"{client.base}/api/state").status_code == 200


def test_a_program_exchanges_the_token_for_a_key(client) -> None:
    token = client.post("/api/links")["url"].partition("token=")[2]
    key = httpx.post(f"{client.base}/api/session", json={"token": token}).json()["key"]
    assert httpx.get(f"{client.base}/api/state", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    again = httpx.post(f"{client.base}/api/session", json={"token": token})
    assert (again.status_code, "used" in again.json()["message"]) == (401, True)


def test_a_qr_code_says_the_address() -> None:
    url = "http://192.168.1.5:8765/?token=Abc-123_xyz"
    root = ET.fromstring(qr_code(url))
    assert root.tag.endswith("svg")
    out = io.BytesIO()
    segno.make(url, error="m").save(out, kind="png", scale=6, border=4)
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(np.array(Image.open(out).convert("RGB")))
    assert text == url
