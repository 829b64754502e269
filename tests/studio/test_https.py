"""The page for other devices of the network: over HTTPS they may lend their camera, over HTTP they cannot."""

import hashlib
import ipaddress
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.studio.browser.command import RunningStudio
from tests.studio.browser.reading import transport, until_picture, until_state

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.needs_browser, pytest.mark.timeout(240)]

WARNING = "warning: the pictures are not encrypted, and phones do not give their camera; add --https\n"


def address_of(studio: RunningStudio) -> str:
    """Return the address of the link, which other devices reach."""
    address = urlsplit(studio.url).hostname
    if address == "127.0.0.1":
        pytest.skip("this machine is in no network")
    assert f"studio: every device that reaches {address} can open it, with a link" in studio.said
    assert not ipaddress.ip_address(address).is_unspecified
    return address


def test_another_device_lends_its_camera_over_https(
    start_studio: Callable[..., RunningStudio], new_page_of: Callable[..., "Page"]
) -> None:
    studio = start_studio("--host", "0.0.0.0", "--https")
    address = address_of(studio)
    assert studio.url.startswith("https://")
    assert WARNING not in studio.said
    key = studio.folder / "https" / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    served = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((address, urlsplit(studio.url).port)))
    assert hashlib.sha256(served).hexdigest() in studio.said.replace(":", "").lower()
    with httpx.Client(verify=False) as stranger:
        assert stranger.get(studio.link, headers={"Host": "studio.example"}).status_code == 421
        assert stranger.get(studio.url, headers={"Accept": "text/html"}).status_code == 401

    page = new_page_of(studio, ignore_https_errors=True)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    studio.enter(page)  # strangers have not used the link up
    (cookie,) = page.context.cookies()
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    until_picture(page, lambda shown: shown.std() > 20, "the demo")
    assert transport(page) == "webrtc"
    page.get_by_role("button", name="Use my camera").click()
    until_state(page, "state.source.kind === 'browser' && state.phase === 'running'")
    assert sockets and all(url.startswith(f"wss://{address}:") for url in sockets)


def test_another_device_is_told_that_its_camera_needs_https(
    start_studio: Callable[..., RunningStudio], new_page_of: Callable[..., "Page"]
) -> None:
    studio = start_studio("--host", "0.0.0.0")
    address_of(studio)
    assert studio.url.startswith("http://")
    assert studio.said.endswith(WARNING)
    page = new_page_of(
        studio, "Cross-Origin-Opener-Policy header has been ignored"
    )  # as it is wherever there is no HTTPS
    studio.enter(page)
    assert not page.evaluate("() => isSecureContext")
    page.get_by_role("button", name="Use my camera").click()
    page.get_by_text("Start the studio with livedream studio --https").wait_for()
