"""The page of the farm in a real browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livedream.farm import registry
from tests.studio.browser.command import RunningStudio
from tests.studio.farms import progress

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.needs_browser
MANIFEST = "a" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the user's state, for this process and for the studio."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "state"


def test_the_films_of_a_farm(folder: Path, studio: RunningStudio, page: "Page", axe: Callable[..., None]) -> None:
    studio.enter(page, "/farm")
    page.get_by_text("No films are being dreamt").wait_for()
    axe(page)
    registry.tell(MANIFEST, "/films/dreams", progress(MANIFEST))
    page.get_by_text("650 of 2,000 frames · 1 film failed · 2 workers · 43.2 fps · 3:20 left").wait_for()
    rows = page.locator(".farm-film").all_inner_texts()
    assert rows[0].split("\n") == ["first-dream.mp4", "complete"]
    assert rows[1].split("\n") == ["second-dream.mp4", "2 of 10 shards"]
    assert rows[2].split("\n")[:2] == ["third-dream.mp4", "failed"]
    assert "shard 15 ended its worker three times: out of memory?" in rows[2]
    bar = page.get_by_label("second-dream.mp4")
    assert bar.evaluate("bar => bar.value") == 0.25
    axe(page)
    registry.tell(MANIFEST, "/films/dreams", progress(MANIFEST, finished=True))
    page.get_by_text("Finished · 650 of 2,000 frames").wait_for()
    assert os.environ["XDG_STATE_HOME"] == str(folder)


def test_it_fits_a_phone(studio: RunningStudio, new_page: Callable[..., "Page"], axe: Callable[..., None]) -> None:
    registry.tell(MANIFEST, "s3://a-bucket-with-a-long-name/" + "folder/" * 12, progress(MANIFEST))
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    studio.enter(page, "/farm")
    page.get_by_text("second-dream.mp4").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    axe(page)


def test_a_studio_that_has_gone_is_told(studio: RunningStudio, new_page_of: Callable[..., "Page"]) -> None:
    page = new_page_of(studio, "ERR_CONNECTION_REFUSED", "net::")
    studio.enter(page, "/farm")
    page.get_by_text("No films are being dreamt").wait_for()
    studio.stop()
    page.get_by_text("The studio does not answer").wait_for()
