"""Waiting for something in a page."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page


def wait_until(page: "Page", script: str, argument: Any = None, *, seconds: float = 30.0) -> Any:
    """Run `script`, a function, in the page until its result is true, and return the result.

    Playwright's own wait_for_function evaluates a string, which the policy of our page forbids.
    """
    deadline = time.monotonic() + seconds
    while not (result := page.evaluate(script, argument)):
        assert time.monotonic() < deadline, f"it did not happen in time: {script}"
        page.wait_for_timeout(50)  # unlike time.sleep it lets events through
    return result
