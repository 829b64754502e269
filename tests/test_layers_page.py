"""What docs/reference/layers.md promises, and docs/how-to/masks.md of the same words."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import livedream
from livedream.dream.objective.parser import parse

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "layers.md").read_text(encoding="utf-8")
MASKS = (Path(__file__).parents[1] / "docs" / "how-to" / "masks.md").read_text(encoding="utf-8")
CHOICE = (Path(__file__).parents[1] / "docs" / "how-to" / "choose-layers.md").read_text(encoding="utf-8")
ROWS = [row.split(" | ")[:2] for row in (PAGE + MASKS).splitlines() if re.match(r"\| `[^|]*\| `\w+\(", row)]


@pytest.mark.parametrize(("text", "python"), [[re.findall("`(.*?)`", cell) for cell in row] for row in ROWS])
def test_text_and_python_of_the_table_mean_the_same(text, python) -> None:
    names = {name: getattr(livedream, name) for name in livedream.__all__} | {"vector": "v.npy", "Path": Path}
    read = [parse(f"x + {word}") for word in text]
    for expression in python:
        assert livedream.layer("x") + eval(expression, names) in read


def test_there_is_a_table() -> None:
    assert len(ROWS) == 10 + 5


def test_programs_of_the_page_run() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_layers_of_the_page_can_be_read() -> None:
    lines = (PAGE + CHOICE).splitlines()
    words = [shlex.split(line.split(" #")[0]) for line in lines if line.startswith("livedream run")]
    texts = [word[word.index("--layers") + 1] for word in words]
    assert len(texts) == 2 + 6
    for text in texts:
        assert parse(str(parse(text))) == parse(text)
