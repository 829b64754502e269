"""What the tests of the page stand on: the browser, its camera, and the checks that watch each page."""

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.studio.browser.accessibility import check_accessibility
from tests.studio.browser.command import RunningStudio
from tests.studio.browser.waiting import wait_until
from tests.studio.browser.watch import Watch

pytestmark = pytest.mark.needs_browser

POLICY = "default-src 'none'; script-src 'self'; media-src 'self' mediastream: blob:; connect-src http:"
GOOD = "<!doctype html><html lang=en><title>Good</title><main><h1>Good</h1><label>Name <input></label></main>"
BAD = "<!doctype html><html lang=en><title>Bad</title><main><h1>Bad</h1><input></main>"
FILES = {
    "/good": ("text/html", GOOD),
    "/bad": ("text/html", BAD),
    "/inline": ("text/html", f"{GOOD}<script>document.title = 'ran'</script>"),
    "/scripted": ("text/html", f"{GOOD}<script src=/faults.js></script>"),
    "/faults.js": (
        "text/javascript",
        "console.error('one'); console.log('two'); fetch('http://other.invalid/').catch(() => 0); throw Error('three')",
    ),
}


class Site(BaseHTTPRequestHandler):
    """Answers with FILES, behind a strict policy."""

    def do_GET(self) -> None:
        kind, text = FILES.get(self.path, ("text/plain", ""))
        self.send_response(200 if self.path in FILES else 404)
        self.send_header("content-type", kind)
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a small site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.05), name="livedream-test-site")
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def watched(chromium, site) -> Iterator[tuple[Any, Watch]]:
    """An empty page and its watch."""
    context = chromium.new_context()
    watch = Watch(urlsplit(site).netloc)
    watch.follow(context)
    yield context.new_page(), watch
    context.close()


def test_a_good_page_has_no_faults(watched, site) -> None:
    page, watch = watched
    page.goto(f"{site}/good")
    check_accessibility(page)
    assert watch.faults == []


def test_each_kind_of_fault_is_seen(watched, site) -> None:
    page, watch = watched
    with page.expect_event("requestfailed"):
        page.goto(f"{site}/scripted")
    page.wait_for_load_state("networkidle")
    text = "\n".join(watch.faults)
    assert "console: one" in text
    assert "two" not in text
    assert "exception: " in text and "three" in text
    assert "request to another host: http://other.invalid/" in text
    for pattern in ("one", "three", "other.invalid", "favicon|404", "ERR_"):
        watch.expect(pattern)
    assert watch.faults == []


def test_a_forbidden_script_is_a_fault(watched, site) -> None:
    page, watch = watched
    page.goto(f"{site}/inline")
    assert page.title() == "Good"
    assert any("policy: script-src-elem forbids inline" in fault for fault in watch.faults), watch.faults


def test_axe_finds_a_field_without_a_label(watched, site) -> None:
    page, _ = watched
    page.goto(f"{site}/bad")
    with pytest.raises(AssertionError, match=r"label \(critical\)"):
        check_accessibility(page)


def test_the_camera_shows_a_person_who_moves(watched, site) -> None:
    page, _ = watched
    page.goto(f"{site}/good")
    pictures = page.evaluate(
        """async () => {
            const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360}});
            const video = Object.assign(document.createElement("video"), {srcObject: stream, muted: true});
            await video.play();
            const canvas = new OffscreenCanvas(64, 36), brush = canvas.getContext("2d"), found = [];
            for (let number = 0; number < 30; number++) {
                await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
                brush.drawImage(video, 0, 0, 64, 36);
                if (number % 29 == 0) found.push([...brush.getImageData(0, 0, 64, 36).data]);
            }
            stream.getTracks().forEach((track) => track.stop());
            return found;
        }"""
    )
    first, last = (np.array(picture, np.int16).reshape(36, 64, 4)[..., :3] for picture in pictures)
    suit = first[30:36, 15:25].mean((0, 1))
    assert suit[0] > suit[2] + 60, f"her suit is orange, not {suit}"
    assert 3 < np.abs(first - last).mean() < 60


@pytest.fixture
def studio(shared_studio: RunningStudio) -> RunningStudio:
    return shared_studio


def test_the_studio_opens_in_the_browser(page, studio: RunningStudio) -> None:
    first = studio.link
    studio.enter(page)
    assert wait_until(page, "() => document.readyState == 'complete' && document.title") == "livedream studio"
    assert "token=" not in page.url
    assert studio.link != first


def test_several_devices_have_a_context_of_their_own(new_page, studio: RunningStudio) -> None:
    one, other = new_page(), new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    studio.enter(one)
    studio.enter(other)
    assert [page.evaluate("() => innerWidth") for page in (one, other)] == [1280, 390]
    cookies = [page.context.cookies()[0]["value"] for page in (one, other)]
    assert cookies[0] != cookies[1]


def test_a_studio_that_does_not_end_well_is_reported(start_studio: Callable[..., RunningStudio]) -> None:
    studio = start_studio()
    os.kill(studio.process.pid, signal.SIGKILL)
    with pytest.raises(AssertionError, match="the studio ended with -9"):
        studio.stop()
    studio.stop = lambda: None  # type: ignore[method-assign]
