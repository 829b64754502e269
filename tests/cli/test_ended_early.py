"""A film that was cut off: what there is of it is dreamt, and nobody may think that it was all."""

from fractions import Fraction
from pathlib import Path

import pytest

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.recipe import about
from tests.films import write_film

SMALL = ["--strength", "0", "--working-height", "32", "--octaves", "1"]


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a whole film and one that was cut off, which is dreamt first."""
    monkeypatch.chdir(tmp_path)
    whole = write_film(tmp_path / "whole.mkv", list(range(50)), time_base=Fraction(1, 25), gop=5)
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    return tmp_path


def test_one_film(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "cut.mkv", "--to", "out.mkv", *SMALL]) == 1
    said = capsys.readouterr()
    assert "; written: out.mkv" in said.out
    [error, hint] = [line for line in said.err.splitlines() if line.startswith(("error", "hint"))]
    assert error.startswith("error: cut.mkv ends after ")
    assert error.endswith(" of 2.0 s")
    assert hint.startswith("hint: it is truncated or damaged")
    assert about(embedded_recipe(films / "out.mkv"))["complete"] is False
    assert not list(films.glob("*.part*"))


def test_a_batch_counts_it_and_goes_on(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "cut.mkv", "whole.mkv", "--to", "out/", *SMALL]) == 1
    said = capsys.readouterr().out
    assert "2 in all: 1 done, 1 failed" in said
    assert "failed: cut.mkv ends after " in said
    assert sorted(path.name for path in (films / "out").glob("*.mp4")) == ["cut-dream.mp4", "whole-dream.mp4"]
    assert about(embedded_recipe(films / "out" / "whole-dream.mp4"))["complete"] is True
