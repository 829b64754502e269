"""A program that uses a studio in another process, beside its pages."""

from typing import Any

import httpx

from tests.studio.browser.command import RunningStudio
from tests.studio.running import until


class Program:
    """Speaks to a studio with a key of its own, for which it takes a link."""

    def __init__(self, studio: RunningStudio) -> None:
        answer = httpx.post(f"{studio.url}/api/session", json={"token": studio.link.partition("token=")[2]})
        studio.link = studio.next_link()
        self._http = httpx.Client(base_url=studio.url, headers={"Authorization": f"Bearer {answer.json()['key']}"})
        self._look = self._settled()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def begin_again(self) -> None:
        """Bring the studio back to the source, the settings and the empty library of its beginning."""
        until(lambda: self._get("/api/state")["pages"] == 0)  # a page lends its camera until it is gone
        if self._get("/api/state")["source"]["kind"] != "demo":
            self._ask("PUT", "/api/source", {"kind": "demo"})
        self._settled()
        for switch in ("recording", "tour", "mirror", "freeze"):
            self._ask("PUT", f"/api/{switch}", {"on": False})
        for what in ("jobs", "files"):
            for one in self._get(f"/api/{what}"):
                self._ask("DELETE", f"/api/{what}/{one['id']}")
        while self._get("/api/state")["can_undo"]:
            self._ask("POST", "/api/undo")
        assert self._settled() == self._look

    def dream_file(self, name: str, content: bytes) -> None:
        """Upload a film or picture, and dream it live."""
        answer = self._http.post("/api/uploads", params={"name": name}, content=content)
        assert answer.is_success, answer.text
        self._ask("PUT", "/api/source", {"kind": "file", "id": answer.json()["id"]})
        until(lambda: (now := self._get("/api/state"))["phase"] == "running" and now["source"]["kind"] == "file")

    def _settled(self) -> tuple[Any, Any]:
        """Return the settings and their preset, when it dreams the demo."""
        until(lambda: (now := self._get("/api/state"))["phase"] == "running" and now["source"]["kind"] == "demo")
        now = self._get("/api/state")
        return now["settings"], now["preset"]

    def _get(self, path: str) -> Any:
        return self._ask("GET", path).json()

    def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer
