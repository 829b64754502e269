"""Fixtures for tests of the page in a real browser. Mark such a test, or its file, with needs_browser.

Playwright keeps an asyncio loop in the thread of the tests for as long as `chromium` lives, so a file that uses it can
call neither asyncio.run() nor Playwright itself. It ends with the file: `scripts/test` runs each file in one process.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import CHROMIUM
from tests.studio.browser.accessibility import check_accessibility
from tests.studio.browser.camera import write_camera
from tests.studio.browser.chromium import LOOPBACK, running_chromium
from tests.studio.browser.command import LIGHT, RunningStudio, started
from tests.studio.browser.program import Program
from tests.studio.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE_MILLISECONDS = 30_000
"""How long an action of a test waits for the page."""


@pytest.fixture(scope="session")
def camera_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film that Chromium's camera plays in a loop: 640x360 at 30 frames per second."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_camera(path)
    return path


@pytest.fixture(scope="module")
def chromium(camera_film: Path) -> Iterator["Browser"]:
    """The system's Chromium, with a camera that plays `camera_film`, and without questions for permission."""
    if CHROMIUM is None:
        pytest.skip("needs_browser: no chromium here; on Debian: apt-get install chromium")
    with running_chromium(CHROMIUM, camera_film, LOOPBACK) as browser:
        yield browser


@pytest.fixture
def start_studio(tmp_path: Path) -> Iterator[Callable[..., RunningStudio]]:
    """Return a function that runs `livedream studio` with more options. At the end it must stop without a trace."""
    with ExitStack() as stack:
        count = 0

        def start(*options: str) -> RunningStudio:
            nonlocal count
            count += 1
            return stack.enter_context(started(tmp_path / f"studio-{count}", *LIGHT, *options))

        yield start


@pytest.fixture
def studio(start_studio: Callable[..., RunningStudio]) -> RunningStudio:
    """A studio that dreams the demo."""
    return start_studio()


@pytest.fixture(scope="module")
def long_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStudio, Program]]:
    """A studio that dreams the demo for all tests of a file, and a program that uses it."""
    with started(tmp_path_factory.mktemp("long") / "studio", *LIGHT) as running, Program(running) as program:
        yield running, program


@pytest.fixture
def shared_studio(long_studio: tuple[RunningStudio, Program]) -> RunningStudio:
    """`long_studio` as it was at its beginning: its start takes as long as most tests of a page."""
    running, program = long_studio
    program.begin_again()
    return running


@pytest.fixture
def program(long_studio: tuple[RunningStudio, Program]) -> Program:
    """A program that uses `shared_studio`."""
    return long_studio[1]


@pytest.fixture
def new_page_of(chromium: "Browser", start_studio: Callable[..., RunningStudio]) -> Iterator[Callable[..., "Page"]]:
    """Return a function that opens a page for a studio in a browser context of its own, as on another device.

    It takes the studio, patterns of faults that are expected, and the options of Playwright's `Browser.new_context`:
    `viewport`, `has_touch`, `reduced_motion`. Any other fault of the page fails the test at the end.
    It uses `start_studio` so that pages close before their studio, which they would miss.
    """
    opened: list[tuple[Any, Watch]] = []

    def new(studio: RunningStudio, *expected: str, **options: Any) -> "Page":
        context, watch = chromium.new_context(**options), Watch(urlsplit(studio.url).netloc)
        opened.append((context, watch))
        for pattern in expected:
            watch.expect(pattern)
        context.set_default_timeout(PAGE_MILLISECONDS)
        watch.follow(context)
        return context.new_page()

    yield new
    for context, _ in opened:
        context.close()
    assert [fault for _, watch in opened for fault in watch.faults] == []


@pytest.fixture
def new_page(new_page_of: Callable[..., "Page"], studio: RunningStudio) -> Callable[..., "Page"]:
    """Return a function that opens a page for `studio`, see `new_page_of`."""
    return functools.partial(new_page_of, studio)


@pytest.fixture
def page(new_page: Callable[..., "Page"]) -> "Page":
    """An empty page: `studio.enter(page)` opens the studio in it. See also `wait_until` in tests/studio/browser."""
    return new_page()


@pytest.fixture
def axe() -> Callable[..., None]:
    """Return `check_accessibility`."""
    return check_accessibility
