"""The English of documents and of `--help`, as scripts/prose checks it."""

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import click
import pytest

from livedream.cli.main import livedream
from livedream.settings import CONTROLS

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "prose"


@pytest.fixture(scope="module")
def prose() -> Any:
    loader = SourceFileLoader("prose", str(SCRIPT))
    spec = spec_from_loader("prose", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def run(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *files], capture_output=True, text=True, check=False)


def test_documents_are_clean() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (0, "")


def test_each_checker_finds_its_kind_of_fault(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nThis is is a mispelt sentence, which is\nsaid here.\n", encoding="utf-8")
    done = run(page)
    assert done.returncode == 1
    assert "mispelt" in done.stdout  # codespell
    assert "lexical_illusions" in done.stdout  # proselint
    assert ":3: 'is said'" in done.stdout  # ours, over the end of a line


def test_code_is_no_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nThe word `mispelt is said` is code.\n\n```sh\nmispelt\n```\n", encoding="utf-8")
    assert run(page).stdout == ""


@pytest.mark.parametrize("name", livedream.commands)
def test_help_of_each_command(name: str, prose: Any) -> None:
    command = livedream.commands[name]
    text = command.get_help(click.Context(command, info_name=name))
    assert list(prose.phrases(name, text)) == []


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_meaning_of_each_control(control: Any, prose: Any) -> None:
    assert list(prose.phrases(control.name, control.meaning)) == []
