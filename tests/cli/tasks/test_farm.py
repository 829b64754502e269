"""What `livedream farm` refuses, and what it says when there is nothing to do."""

import sys
from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.farm.join import join_film
from livedream.farm.shard import ShardDreamer
from tests.farm.films import FFV1, LOOK, planned, write_film


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["film.mp4"], "where are the films to be written?"),
        (["out/manifest.toml", "--to", "there"], "a manifest says where its films are written"),
        (["film.mp4", "--to", "out", "--cost-per-hour", "2"], "--cost-per-hour has no effect without --dry-run"),
        (["nothing.toml"], "nothing.toml does not exist"),
        (["nothing.mp4", "--to", "out"], "nothing.mp4 does not exist"),
    ],
)
def test_what_is_refused(words: list[str], message: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["farm", *words]) in (1, 2)
    assert capsys.readouterr().err.splitlines()[0] == f"error: {message}"


def test_without_ray(tmp_path: Path, monkeypatch, capsys) -> None:
    film = write_film(tmp_path / "film.mp4", lengths=(6,))
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")  # what the command sets ends with the test
    assert main(["farm", str(film), "--to", str(tmp_path / "out"), *LOOK]) == 1
    assert 'error: Ray is not installed\nhint: pip install "livedream[farm]"\n' in capsys.readouterr().err


def test_what_is_complete_starts_nothing(tmp_path: Path, capsys) -> None:
    film = write_film(tmp_path / "film.mp4", lengths=(6,))
    work = planned(tmp_path / "out", film, options=FFV1)
    with ShardDreamer(work) as dreamer:
        dreamer.dream(1)
    join_film(work, work.manifest.films[0])
    manifest = tmp_path / "out" / "manifest.toml"
    assert main(["farm", str(manifest)]) == 0
    assert capsys.readouterr().out == f"complete: 1 film of {manifest}\n"
