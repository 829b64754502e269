"""docs/command-line.md: its table of controls says what the table of the program says."""

from pathlib import Path

import pytest

from livedream.cli.main import livedream
from livedream.settings import CONTROLS, Control

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"


def row(control: Control) -> str:
    """Return the line of the page about a control."""
    allowed = " ".join(f"`{choice}`" for choice in control.choices) if control.choices else "text"
    if not control.choices and control.kind is not str:
        allowed = f"{control.low:g} to {control.high:.10g} {control.unit}".rstrip()
    default = f"{control.default:g}" if isinstance(control.default, float) else control.default
    keys = " ".join(f"`{key}`" for key in control.keys)
    meaning = control.meaning.replace("|", "\\|")
    flag = f"--{control.name.replace('_', '-')}"
    return f"| `{flag}` | {allowed} | {default} | {control.only or 'all'} | {keys} | {meaning} |"


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_every_control_is_on_the_page(control: Control) -> None:
    assert row(control) in PAGE.read_text(encoding="utf-8").splitlines()


def test_every_option_that_the_page_names_is_one_of_run() -> None:
    known = {name for param in livedream.commands["run"].params for name in (*param.opts, *param.secondary_opts)}
    words = PAGE.read_text(encoding="utf-8").replace("`", " ").replace(",", " ").split()
    assert {word for word in words if word.startswith("--")} - known - {"--version", "--help"} == set()
