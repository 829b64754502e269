"""The page in the system's Firefox, whose makers share no code with Chromium's."""

from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.studio.browser.command import RunningStudio
from tests.studio.browser.firefox import FIREFOX, running_firefox
from tests.studio.browser.reading import picture, transport, until_picture, until_state
from tests.studio.browser.waiting import wait_until
from tests.studio.browser.watch import Watch

pytestmark = [pytest.mark.needs_browser, pytest.mark.timeout(240)]

DIVIDER, STRENGTH = "[role=slider][aria-label^=Split]", "[type=range][aria-label=Strength]"
HOME, END = "\ue011", "\ue010"


def test_someone_sees_themselves_dreaming_in_firefox(studio: RunningStudio, tmp_path: Path) -> None:
    if FIREFOX is None:
        pytest.skip("needs_browser: no firefox here; on Debian: apt-get install firefox-esr")
    with running_firefox(tmp_path / "firefox") as firefox:
        watch = Watch(urlsplit(studio.url).netloc)
        watch.follow(firefox)
        requested: list[str] = []
        firefox.on("request", lambda request: requested.append(urlsplit(request.url).path))
        studio.enter(firefox)
        until_picture(firefox, lambda shown: shown.std() > 20, "the demo")
        assert transport(firefox) == "webrtc"
        firefox.click("button", "Use my camera")
        until_state(firefox, "state.source.kind === 'browser' && state.phase === 'running'")
        assert requested.count("/api/webrtc") == 2, "the camera goes by WebRTC too"
        wait_until(firefox, r"() => /\d fps · \d+ ms · /.test(document.querySelector('.pill-text').textContent)")

        # Firefox's camera for tests is one colour, which changes, so all forms come from the dream.
        def forms(shown: np.ndarray) -> float:
            return float(shown.std((0, 1)).max())

        firefox.press(DIVIDER, END)
        until_picture(firefox, lambda shown: forms(shown) < 3, "the camera alone")
        firefox.press(DIVIDER, HOME)
        until_picture(firefox, lambda shown: forms(shown) > 10, "the dream")
        firefox.click("tab", "Controls")
        firefox.press(STRENGTH, HOME)
        until_state(firefox, "state.settings.strength === 0")
        until_picture(firefox, lambda shown: forms(shown) < 3, "the camera at strength 0")
        firefox.goto(f"{studio.url}/out")
        picture(firefox)
        assert transport(firefox) == "webrtc"
        assert watch.faults == []
        firefox.evaluate("() => console.error('one')")
        assert [fault.partition(" (")[0] for fault in watch.faults] == ["console: one"]
