"""The system's Chromium, with a camera that plays a film, and without questions for permission."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LOOPBACK = "--allow-loopback-in-peer-connection"
"""WebRTC within this machine also where it is in no network; people's Chromium does not have this option."""
ARGUMENTS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--no-sandbox",  # root, in a container, has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def running_chromium(program: str | Path, film: Path, *options: str) -> Iterator["Browser"]:
    """Run Chromium inside the block. film: Y4M, what its camera plays."""
    from playwright.sync_api import sync_playwright

    arguments = [*ARGUMENTS, f"--use-file-for-fake-video-capture={film}", *options]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()
