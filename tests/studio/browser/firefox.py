"""The system's Firefox, over WebDriver BiDi: Playwright drives only a Firefox of its own."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from websockets.sync.client import ClientConnection, connect

from tests.studio.browser.command import PATIENCE, descendants, is_running
from tests.studio.browser.waiting import wait_until

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
PREFERENCES = {
    "media.navigator.streams.fake": True,  # a camera with a coloured picture that changes
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    # What Firefox asks of its makers' servers by itself.
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.server": "",
}
_EVENTS = ("log.entryAdded", "network.beforeRequestSent")


class Firefox:
    """A browser with one tab. It has those methods of Playwright's `BrowserContext` and `Page` that `Watch`,
    `wait_until` and `RunningStudio.enter` call.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._handlers: defaultdict[str, list[Callable[[Any], object]]] = defaultdict(list)
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=_EVENTS)
        self._tab = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result. Events that come before it are handled."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        deadline = time.monotonic() + PATIENCE
        while (message := self._next(deadline)).get("id") != number:
            self._handle(message)
        assert message["type"] == "success", f"{method}: {message['message']}"
        return message["result"]

    def add_init_script(self, script: str) -> None:
        self.call("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def on(self, event: str, handler: Callable[[Any], object]) -> None:
        """Call a handler for each `console` message, `weberror` and `request`."""
        self._handlers[event].append(handler)

    def goto(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def wait_for_url(self, url: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.url != url:
            assert time.monotonic() < deadline, f"the page stays at {self.url}"
            self.wait_for_timeout(50)

    @property
    def url(self) -> str:
        return self.call("browsingContext.getTree")["contexts"][0]["url"]

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Call a function in the page and return its result, a value of JSON."""
        answer = self.call(
            "script.callFunction",
            target={"context": self._tab},
            functionDeclaration=f"async (text) => JSON.stringify(await ({script})(JSON.parse(text))) ?? 'null'",
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def click(self, role: str, name: str) -> None:
        """Press the mouse on an element with this role and accessible name, once it is there."""
        locator = {"type": "accessibility", "value": {"role": role, "name": name}}
        deadline = time.monotonic() + PATIENCE
        while not (nodes := self.call("browsingContext.locateNodes", context=self._tab, locator=locator)["nodes"]):
            assert time.monotonic() < deadline, f"there is no {role} {name}"
            self.wait_for_timeout(50)
        origin = {"type": "element", "element": {"sharedId": nodes[0]["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def press(self, selector: str, key: str) -> None:
        """Press a key in an element, once it is there; the WebDriver standard has the codes of keys such as Home."""
        script = "(selector) => { const found = document.querySelector(selector); found?.focus(); return !!found; }"
        wait_until(cast(Any, self), script, selector)
        steps = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._act({"type": "key", "id": "keyboard", "actions": steps})

    def _act(self, actions: dict[str, Any]) -> None:
        self.call("input.performActions", context=self._tab, actions=[actions])

    def wait_for_timeout(self, milliseconds: float) -> None:
        """Wait, and handle events."""
        deadline = time.monotonic() + milliseconds / 1000
        with contextlib.suppress(TimeoutError):
            while True:
                self._handle(self._next(deadline))

    def _next(self, deadline: float) -> Any:
        return json.loads(self._socket.recv(timeout=max(0.0, deadline - time.monotonic())))

    def _handle(self, message: Any) -> None:
        content = message.get("params", {})
        match message.get("method"):
            case "log.entryAdded" if content["type"] == "javascript":
                self._emit("weberror", error=content["text"])
            case "log.entryAdded":
                location = {"url": str(content.get("stackTrace", ""))}
                self._emit("console", type=content["level"], text=content["text"], location=location)
            case "network.beforeRequestSent":
                self._emit("request", url=content["request"]["url"])

    def _emit(self, event: str, **content: Any) -> None:
        for handler in self._handlers[event]:
            handler(SimpleNamespace(**content))


@contextlib.contextmanager
def running_firefox(folder: Path) -> Iterator[Any]:
    """Yield a `Firefox` without a display, whose profile is in `folder`. In the end none of its processes must be left.

    `Any`, because it stands in for Playwright's `Page`.
    """
    assert FIREFOX is not None
    profile, home = folder / "profile", folder / "home"
    profile.mkdir(parents=True)
    home.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    command = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with (folder / "firefox.txt").open("w") as said:
        environment = os.environ | {"HOME": str(home)}
        process = subprocess.Popen(
            [*command, "about:blank"], stdout=said, stderr=said, env=environment, start_new_session=True
        )
    try:
        with connect(f"ws://127.0.0.1:{_port(profile)}/session", max_size=None) as socket:
            firefox = Firefox(socket)
            yield firefox
            family = [process.pid, *descendants(process.pid)]
            firefox.call("browser.close")
        process.wait(PATIENCE)
        _until(lambda: not any(map(is_running, family)), "all processes of Firefox have ended")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _port(profile: Path) -> int:
    """Return the port where Firefox listens, which it writes into its profile."""
    file = profile / "WebDriverBiDiServer.json"
    _until(lambda: file.exists() and file.read_text(), "Firefox listens")
    return json.loads(file.read_text())["ws_port"]


def _until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)
