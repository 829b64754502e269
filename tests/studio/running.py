"""A studio that runs inside the test, and a client of its API."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
from websockets.sync.client import ClientConnection, connect

from livedream.presets import load_preset
from livedream.settings import DreamSettings
from livedream.studio.session.history import Look
from livedream.studio.studio import Studio, StudioRequest, studio

SMALL = load_preset("live").replace(working_height=64, octaves=2)
"""Settings that dream a small frame in a few milliseconds."""
Found = TypeVar("Found")


class _StopError(Exception):
    """The test is over."""


class Client:
    """Speaks to a studio with a key."""

    def __init__(self, running: Studio) -> None:
        self.running = running
        self.settings = running.session.desk.settings
        self.base = f"http://127.0.0.1:{running.address.port}"
        self.key = running.access.redeem(running.access.new_token()) or ""
        self.http = httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def get(self, path: str, **more: Any) -> Any:
        return self._ok(self.http.get(path, **more))

    def post(self, path: str, body: Any = None) -> Any:
        return self._ok(self.http.post(path, json=body))

    def put(self, path: str, body: Any) -> Any:
        return self._ok(self.http.put(path, json=body))

    def patch(self, path: str, body: Any) -> Any:
        return self._ok(self.http.patch(path, json=body))

    def refused(self, method: str, path: str, status: int, **more: Any) -> str:
        """Send a request that must be refused with this status, and return the message."""
        answer = self.http.request(method, path, **more)
        assert answer.status_code == status, answer.text
        problem = answer.json()
        assert set(problem) == {"message", "hint"}
        return problem["message"]

    def until(self, found: Callable[[dict[str, Any]], Found], seconds: float = 30.0) -> Found:
        """Ask for the state until `found` returns something true of it, and return that."""
        return until(lambda: found(self.get("/api/state")), seconds)

    def reset(self) -> None:
        """Go back to the settings of the beginning."""
        for what in ("tour", "mirror", "freeze"):
            self.put(f"/api/{what}", {"on": False})
        session = self.running.session
        if (session.desk.settings, session.desk.preset) != (self.settings, "live"):
            session.desk.use_look(self.settings, "live")

    @contextlib.contextmanager
    def events(self) -> Iterator["Events"]:
        with self.socket("/api/events") as talk:
            yield Events(talk)

    def socket(self, path: str) -> ClientConnection:
        return connect(
            f"ws://127.0.0.1:{self.running.address.port}{path}",
            additional_headers={"Authorization": f"Bearer {self.key}"},
        )

    @staticmethod
    def _ok(answer: httpx.Response) -> Any:
        assert answer.is_success, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text


class Events:
    """An events socket, whose messages of the meters are left out."""

    def __init__(self, talk: ClientConnection) -> None:
        self._talk = talk
        self.hello = self.next("hello")
        self.client: str = self.hello["client"]

    def send(self, **message: Any) -> None:
        self._talk.send(json.dumps(message))

    def set(self, number: int, **settings: Any) -> dict[str, Any]:
        """Set controls and return the answer."""
        self.send(type="set", id=number, settings=settings)
        return self.next("ack", "refused")

    def next(self, *types: str, seconds: float = 20.0) -> dict[str, Any]:
        """Return the next message of one of these types."""
        deadline = time.monotonic() + seconds
        while True:
            message = json.loads(self._talk.recv(timeout=max(0.0, deadline - time.monotonic())))
            if message["type"] in types:
                return message

    def settings_until(self, name: str, value: object) -> list[object]:
        """Return the values of a control that the patches bring, until it has `value`."""
        seen: list[object] = []
        while not seen or seen[-1] != value:
            settings = self.next("patch")["state"].get("settings", {})
            if name in settings:
                seen.append(settings[name])
        return seen


def until(found: Callable[[], Found], seconds: float = 30.0) -> Found:
    """Call `found` until it returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return result


@contextlib.contextmanager
def running_studio(folder: Path, source: str | Path | None = None, settings: DreamSettings = SMALL) -> Iterator[Client]:
    """Run a studio: its server on its own thread, its dream on one of the test."""
    request = StudioRequest(
        folder=folder, look=Look(settings, "live", settings), source=None if source is None else str(source)
    )
    over = threading.Event()

    def check() -> None:
        if over.is_set():
            raise _StopError

    def dream(running: Studio) -> None:
        with contextlib.suppress(_StopError):
            running.session.run(check)

    with studio(request) as running:
        thread = threading.Thread(target=dream, args=(running,), name="livedream-test-session")
        thread.start()
        client = Client(running)
        try:
            client.until(lambda state: state["phase"] == "running")
            until(lambda: running.session.broadcast.newest)  # from now on all its threads are there
            yield client
        finally:
            client.http.close()
            over.set()
            thread.join()
