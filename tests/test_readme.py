"""What the README shows is run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import av
import click
import pytest

from livedream.cli.main import livedream as cli
from livedream.presets import preset_names
from livedream.settings import CONTROLS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_program_of_the_readme_runs(tmp_path) -> None:
    (program,) = blocks("python")
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, check=True)
    with av.open(str(tmp_path / "dream.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 25


COMMANDS = [line.split("#")[0] for block in blocks("sh") for line in block.splitlines() if line.startswith("livedream")]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_readme_are_understood(command) -> None:
    name, *arguments = shlex.split(command)[1:]
    parsed = cli.commands[name].make_context(name, arguments)
    assert parsed.params.get("preset") in (None, *preset_names())
    assert isinstance(parsed, click.Context)


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) >= 6


def test_every_key_of_the_controls_is_listed() -> None:
    table = README[README.index("| keys |") : README.index("Mirror and freeze")]
    told = [control for control in CONTROLS if control.keys]
    for control in told:
        assert " ".join(f"`{key}`" for key in control.keys) in table or control.kind is str, control.name
        assert control.name.replace("_", " ").removesuffix("s") in table
