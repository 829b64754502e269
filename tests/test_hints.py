"""Hints: the command line's words there, Python's words in a traceback."""

import ast
import pickle
import re
import traceback
from pathlib import Path

import pytest

import livedream
from livedream import DreamSettings, SinkError, SourceError, open_sink, open_source
from livedream.cli.main import main
from livedream.errors import ArgumentError
from livedream.faults import explain
from livedream.hints import Hint, option

PACKAGE = Path(livedream.__file__).parent
OF_THE_COMMAND_LINE = {
    "cli",
    "bench",
    "doctor",
    "faults.py",  # words for what others raise, told by the command line alone
    "pipeline/checkpoints.py",  # --resume and --tour are not in Python
    "presets/tour.py",
    "studio/library/jobs.py",  # it starts the command line
}


def test_a_hint_is_said_in_either_language() -> None:
    hint = Hint(f"use {option('overwrite', True)}, or {option('still_height', 360)} with {option('codec')}")
    assert hint == "use overwrite=True, or still_height=360 with codec"
    assert hint.command_line == "use --overwrite, or --still-height 360 with --codec"
    assert Hint(hint).command_line == hint.command_line
    assert Hint(option("codec", "h265")) == "codec='h265'"
    assert Hint(option("codec", "h265")).command_line == "--codec h265"


def test_a_traceback_shows_the_hint_and_the_message_stays_the_message() -> None:
    error = SinkError("x exists already", f"use {option('overwrite', True)}")
    assert str(error) == "x exists already"
    shown = "".join(traceback.format_exception_only(error))
    assert shown == "livedream.errors.SinkError: x exists already\nhint: use overwrite=True\n"
    assert traceback.format_exception_only(SourceError("gone")) == ["livedream.errors.SourceError: gone\n"]
    assert explain(error).hint == "use --overwrite"
    error.add_note("while testing")
    error.hint = f"remove it, or use {option('overwrite', True)}"
    assert error.__notes__ == ["while testing", "hint: remove it, or use overwrite=True"]
    error.hint = f"use {option('overwrite', True)}"
    again = ArgumentError("y", error.hint)
    assert explain(again).hint == "use --overwrite"
    assert pickle.loads(pickle.dumps(error)).hint.command_line == "use --overwrite"  # noqa: S301


def test_an_output_that_exists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"mine")
    with pytest.raises(SinkError) as caught:
        open_sink(target).write(next(iter(open_source("demo"))))
    assert caught.value.hint == "use overwrite=True, or another name"
    assert main(["run", "demo", "--to", str(target)]) == 1
    assert "hint: use --overwrite, or another name" in capsys.readouterr().err
    assert target.read_bytes() == b"mine"


def test_a_wrong_control(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArgumentError) as caught:
        DreamSettings(steps=99)
    assert caught.value.__notes__ == ["hint: help(DreamSettings) lists every control"]
    assert main(["run", "demo", "--steps", "99", "--to", "null"]) == 2
    assert "hint: livedream run --help lists every control" in capsys.readouterr().err


def test_no_text_of_the_library_names_an_option_of_the_command_line() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in OF_THE_COMMAND_LINE or name.partition("/")[0] in OF_THE_COMMAND_LINE:
            continue
        tree = ast.parse(path.read_text())
        told_twice = {
            id(inner)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "either"
            for inner in ast.walk(call)
        }
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if (
                re.search(r"(?<![\w-])--(?!cask)[a-z]|\blivedream run\b", text)
                and id(node) not in told_twice | docstrings
            ):
                found.append((name, node.lineno, text))  # type: ignore[attr-defined]
    assert found == []
