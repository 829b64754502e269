"""What goes wrong in a page, gathered while a test uses it."""

import re
from typing import Any
from urllib.parse import urlsplit

_ASKS_POLICY = """
addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.effectiveDirective} forbids ${event.blockedURI} in ${event.sourceFile}`));
"""
_LOCAL = ("data", "blob", "about")


class Watch:
    """Notes errors on the console, exceptions, violations of the content security policy, and requests to other hosts.

    Args:
        host: the only host, with its port, that a page may talk to.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._faults: list[str] = []
        self._expected: list[str] = []

    def follow(self, context: Any) -> None:
        """Watch all pages of a browser context, also those that they open."""
        context.add_init_script(_ASKS_POLICY)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._faults.append(f"exception: {error.error}"))
        context.on("request", lambda request: self._request(request.url))
        context.on("page", self._page)

    def expect(self, pattern: str) -> None:
        """Let faults that match `pattern`, a regular expression, pass."""
        self._expected.append(pattern)

    @property
    def faults(self) -> list[str]:
        """What went wrong and was not expected."""
        return [fault for fault in self._faults if not any(re.search(one, fault) for one in self._expected)]

    def _page(self, page: Any) -> None:
        page.on("websocket", lambda socket: self._request(socket.url))
        page.on("crash", lambda _: self._faults.append("the page has crashed"))

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self._faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _LOCAL and parts.netloc != self._host:
            self._faults.append(f"request to another host: {url}")
