"""Which shard an array task dreams, and what the commands say."""

from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.cli.tasks.shards import films_and_folder, shard_number
from livedream.errors import ArgumentError
from tests.farm.films import FFV1, planned, write_film


@pytest.mark.parametrize(
    ("environment", "number"),
    [
        ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "1"}, 7),
        ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "0"}, 8),
        ({"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_MIN": "7"}, 9),  # --array=7,9 repeats two tasks
        ({"SLURM_ARRAY_TASK_ID": "7"}, 8),
        ({"JOB_COMPLETION_INDEX": "0"}, 1),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "39"}, 40),
    ],
)
def test_the_number_of_an_array_task(environment: dict[str, str], number: int) -> None:
    assert shard_number(None, 40, environment) == number
    assert shard_number("3/40", 40, environment) == 3  # what is given comes first


@pytest.mark.parametrize(
    ("given", "environment", "message"),
    [
        (None, {}, "which shard is to be dreamt?"),
        (None, {"JOB_COMPLETION_INDEX": "40"}, "there is no shard 41"),
        (None, {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is not a number: x"),
        ("3/41", {}, "the manifest has 40 shards, not 41"),
        ("0/40", {}, "there is no shard 0"),
        ("three", {}, "invalid shard 'three'"),
    ],
)
def test_a_wrong_number(given: str | None, environment: dict[str, str], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        shard_number(given, 40, environment)
    assert str(caught.value) == message


def test_names_of_films_and_folders(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mov"):
        Path(name).touch()
    assert films_and_folder(["a.mp4", "b.mov"], "out") == ([("a.mp4", "a-dream.mp4"), ("b.mov", "b-dream.mp4")], "out")
    assert films_and_folder(["a.mp4"], "out/*.mkv") == ([("a.mp4", "a.mkv")], "out")
    assert films_and_folder(["s3://in/c.mp4"], "s3://out/*.mkv") == ([("s3://in/c.mp4", "c.mkv")], "s3://out")
    assert films_and_folder(["a.mp4", "s3://in/c.mp4"], "s3://out/x/") == (
        *([("a.mp4", "a-dream.mp4"), ("s3://in/c.mp4", "c-dream.mp4")], "s3://out/x"),
    )


def test_a_film_is_not_replaced_by_its_dream(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mp4").touch()
    for films, to in ((["a.mp4"], "./*.mp4"), (["s3://in/c.mp4"], "s3://in/*.mp4")):
        with pytest.raises(ArgumentError):
            films_and_folder(films, to)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard", "1/1"], "--shard needs a manifest"),
        (["--manifest", "out", "film.mp4"], "sources cannot be given with --manifest"),
        (["--manifest", "out", "--strength", "2"], "--strength cannot be given with --manifest"),
        (["--manifest", "out", "-o", "x.mp4"], "--to cannot be given with --manifest"),
        (["--manifest", "nothing", "--shard", "1/1"], "nothing/manifest.toml does not exist"),
    ],
)
def test_what_cannot_be_combined(words: list[str], message: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *words]) in (1, 2)
    assert capsys.readouterr().err.splitlines()[0] == f"error: {message}"


def test_what_is_said(tmp_path: Path, capsys) -> None:
    film = write_film(tmp_path / "film.mp4", lengths=(8, 6))
    planned(tmp_path / "out", film, seconds="9", options=FFV1)
    command = ["run", "--manifest", str(tmp_path / "out"), "--shard", "1/1"]
    assert main(command) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"shard 1/1: frames 0 to 13 of {film}"
    assert last.startswith("shard 1/1: dreamt 14 frames in ")
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("shard 1/1 is complete: ")
