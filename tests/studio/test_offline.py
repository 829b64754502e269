"""The page without a network: studio and browser are where there is only the loopback interface."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CHROMIUM
from tests.studio.browser.chromium import running_chromium
from tests.studio.browser.command import LIGHT, RunningStudio, started
from tests.studio.browser.reading import transport, until_picture, until_state
from tests.studio.browser.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.needs_browser, pytest.mark.timeout(240)]

CUT_OFF = ("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity")


@pytest.fixture(scope="module")
def within() -> Iterator[tuple[str, ...]]:
    """A command that runs the one that follows it without a network, always in the same place."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("no unshare, no nsenter or no ip here; on Debian: apt-get install util-linux iproute2")
    holder = subprocess.Popen(CUT_OFF, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert holder.stdout is not None
    try:
        with holder.stdout:
            if holder.stdout.readline() != "up\n":
                pytest.skip("a network of its own is not permitted here")
        yield "nsenter", f"--net=/proc/{holder.pid}/ns/net"
    finally:
        holder.kill()
        holder.wait()


@pytest.fixture(scope="module")
def chromium(
    within: tuple[str, ...], camera_film: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Browser"]:
    """People's Chromium, which does not use the loopback interface for WebRTC."""
    program = tmp_path_factory.mktemp("chromium") / "chromium"
    program.write_text(f'#!/bin/sh\nexec {" ".join(within)} {CHROMIUM} "$@"\n')
    program.chmod(0o755)
    with running_chromium(program, camera_film) as browser:
        yield browser


@pytest.fixture
def studio(within: tuple[str, ...], tmp_path: Path) -> Iterator[RunningStudio]:
    with started(tmp_path / "studio", *LIGHT, within=within) as running:
        yield running


def test_without_a_network_pictures_come_and_go_the_simple_way(studio: RunningStudio, page: "Page") -> None:
    studio.enter(page)
    until_picture(page, lambda shown: shown.std() > 20, "the demo")
    assert page.evaluate("() => performance.now()") < 5500  # it does not wait until WebRTC has failed, which takes 6 s
    assert not page.evaluate("() => navigator.onLine")
    assert transport(page) == "jpeg"
    page.get_by_role("button", name="Use my camera").click()
    page.get_by_text("Your camera uses the simple transport").wait_for(timeout=7000)  # WebRTC would take 9 s to fail
    until_state(page, "state.source.kind === 'browser' && state.phase === 'running'")
    wait_until(page, r"() => /\d fps · \d+ ms · /.test(document.querySelector('.pill-text').textContent)")
