"""What a page shows, and the state of its studio."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.studio.browser.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURE = """() => {
    const [video, canvas] = [document.getElementById("video"), document.getElementById("canvas")];
    const shown = canvas && !canvas.hidden ? canvas : video;
    if (shown === video && (video.readyState < 2 || video.hidden)) return null;
    const [width, height] = [64, 36], small = new OffscreenCanvas(width, height);
    const brush = small.getContext("2d", {willReadFrequently: true});
    try { brush.drawImage(shown, 0, 0, width, height); } catch { return null; }
    return [...brush.getImageData(0, 0, width, height).data];
}"""
"""Reads the picture that is shown, 64x36 RGBA."""


def picture(page: "Page") -> np.ndarray:
    """Return the picture that the page shows: float, shape (36, 64, 3)."""
    return np.array(wait_until(page, PICTURE), float).reshape(36, 64, 4)[..., :3]


def until_picture(page: "Page", wanted: Callable[[np.ndarray], bool], what: str, seconds: float = 30.0) -> np.ndarray:
    """Wait until the picture is as wanted, and return it."""
    for _ in range(int(seconds / 0.1)):
        shown = picture(page)
        if wanted(shown):
            return shown
        page.wait_for_timeout(100)
    raise AssertionError(f"the page never shows {what}")


def state(page: "Page") -> dict[str, Any]:
    return page.evaluate("async () => (await fetch('/api/state')).json()")


def until_state(page: "Page", script: str) -> dict[str, Any]:
    """Wait until the state of the studio fulfils `script`, an expression of `state`."""
    return wait_until(
        page, f"async () => {{ const state = await (await fetch('/api/state')).json(); return ({script}) && state; }}"
    )


def transport(page: "Page") -> str:
    """Return how the pictures come that the page shows: "webrtc" or "jpeg"."""
    return page.evaluate("() => document.getElementById('canvas').hidden ? 'webrtc' : 'jpeg'")
