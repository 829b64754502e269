"""The documentation as a site: it builds without a warning, loads nothing from elsewhere, and shows the program."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import livedream
from livedream.cli.main import livedream as cli
from livedream.presets import preset_names

ROOT = Path(__file__).parents[1]


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(site),
    ]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """Collects the text of a page and what a browser would load with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = ""
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"img": "src", "script": "src", "iframe": "src", "link": "href"}
        self.loaded += [value or "" for name, value in attrs if name == names.get(tag)]


def test_nothing_is_loaded_from_other_machines(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert [url for url in Page(path).loaded if re.match("(https?:)?//", url)] == [], path


def test_command_line_page_has_every_option_of_every_command(site: Path) -> None:
    words = set(re.split(r"[\s,/]+", Page(site / "reference" / "cli.html").text))
    for command in cli.commands.values():
        for parameter in command.params:
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
                assert set(parameter.opts) <= words, (command.name, parameter.opts)


def test_api_page_has_every_public_name(site: Path) -> None:
    text = (site / "reference" / "api.html").read_text(encoding="utf-8")
    constants = {"__version__", "demo_clip"}
    assert [name for name in livedream.__all__ if f'id="livedream.{name}"' not in text and name not in constants] == []


def test_overview_is_the_readme_with_links_that_work(site: Path) -> None:
    page = Page(site / "index.html")
    assert f"{len(preset_names())} looks" in page.text
    assert "hero.webp" in page.loaded


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n[another page](missing.md)\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\nnav: [index.md]\nhooks: []\nplugins: []\nextra_css: []\n")
    done = build(config, tmp_path / "site")
    assert done.returncode != 0
    assert "missing.md" in done.stderr
