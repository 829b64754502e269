"""Drive a studio from a program: everything that its page does is HTTP and JSON, described at /api.

    livedream studio                                                        # prints a link
    python examples/studio_client.py 'http://127.0.0.1:8765/?token=...'     # that link

It fades through a few presets, brings the dream in slowly, and saves a snapshot of each.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PRESETS = ("coral", "dogs", "origami")


class Studio:
    """A studio, by the link that it printed. The token of a link works once, so it is exchanged for a key."""

    def __init__(self, link: str) -> None:
        address = urlsplit(link)
        self._base = f"{address.scheme}://{address.netloc}"
        self._headers = {"Content-Type": "application/json"}
        key = self.ask("POST", "/api/session", {"token": parse_qs(address.query)["token"][0]})["key"]
        self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, self._headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def download(self, path: str, name: str) -> None:
        request = urllib.request.Request(self._base + path, headers=self._headers)
        with urllib.request.urlopen(request) as answer:
            Path(name).write_bytes(answer.read())


def main() -> None:
    studio = Studio(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    for preset in PRESETS:
        state = studio.ask("POST", "/api/preset", {"name": preset})
        for share in (0.25, 0.5, 0.75, 1.0):
            studio.ask("PATCH", "/api/settings", {"strength": share * state["settings"]["strength"]})
            time.sleep(seconds / 4)
        snapshot = studio.ask("POST", "/api/snapshot")
        studio.download(f"/api/files/{snapshot['id']}", f"{preset}.png")
        print(f"{preset}.png: {snapshot['width']}x{snapshot['height']}")


if __name__ == "__main__":
    main()
