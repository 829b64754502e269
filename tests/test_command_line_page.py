"""docs/reference/controls.md and cli.md say what the program says.

`python -m tests.test_command_line_page` writes the table of controls.
"""

import re
from pathlib import Path

import pytest

from livedream.cli.main import livedream
from livedream.control import Control
from livedream.settings import CONTROLS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "controls.md"
CLI = PAGE.with_name("cli.md")
HEAD = "| option | values | default | for | keys | meaning |\n|---|---|---|---|---|---|\n"


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


def test_the_page_explains_the_kinds_of_sources() -> None:
    assert {control.only for control in CONTROLS} == {None, "videos", "pictures"}
    assert "`videos` includes live sources" in PAGE.read_text(encoding="utf-8")


def test_every_option_that_the_page_names_is_one_of_run() -> None:
    known = {name for param in livedream.commands["run"].params for name in (*param.opts, *param.secondary_opts)}
    text = PAGE.read_text(encoding="utf-8") + CLI.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))
    assert named - known - {"--version", "--help"} == set()


if __name__ == "__main__":
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(HEAD)
    PAGE.write_text(f"{before}{HEAD}" + "\n".join(map(row, CONTROLS)) + "\n", encoding="utf-8")
