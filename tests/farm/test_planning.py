"""The plan of a film: cuts where they were made, shards of whole scenes."""

import json
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from livedream.cli.main import main
from livedream.farm import planning
from livedream.farm.manifest import Shard
from livedream.farm.scenes import Piece, shards_of
from livedream.farm.workspace import open_workspace
from tests.farm.films import FFV1, LENGTHS, LOOK, planned, write_film


def test_finds_the_cuts_of_a_film(film: Path, tmp_path: Path) -> None:
    work = planned(tmp_path / "out", film)
    (found,) = work.manifest.films
    assert found.cuts == tuple(accumulate(LENGTHS))[:-1]
    assert found.frames == sum(LENGTHS)
    assert found.target == "film.mkv"
    assert work.manifest.exact


def test_shards_are_whole_scenes_and_cover_the_film(film: Path, tmp_path: Path) -> None:
    work = planned(tmp_path / "out", film, seconds="1")
    (found,) = work.manifest.films
    ends = [shard.first + shard.frames for shard in found.shards]
    assert [0, *ends[:-1]] == [shard.first for shard in found.shards]
    assert ends[-1] == sum(LENGTHS)
    assert {shard.first for shard in found.shards} <= {0, *found.cuts}
    assert [shard.end for shard in found.shards] == [*(shard.time for shard in found.shards[1:]), None]


def piece(first: int, frames: int, *, cut: bool = True) -> Piece:
    return Piece(first, Fraction(first, 10), cut, 0, 1, Fraction(first + frames - 1, 10), frames)


def first_and_frames(shards: tuple[Shard, ...]) -> list[tuple[int, int]]:
    return [(shard.first, shard.frames) for shard in shards]


def test_shards_have_about_the_wanted_length() -> None:
    """Ten frames per second; a scene goes to the shard that its middle reaches."""
    pieces = [piece(0, 40), piece(40, 40), piece(80, 40), piece(120, 300), piece(420, 10)]
    assert first_and_frames(shards_of(pieces, Fraction(10), warm_up=0, first_number=1)) == [
        *[(0, 120), (120, 300), (420, 10)]
    ]
    assert first_and_frames(shards_of(pieces, Fraction(1), warm_up=0, first_number=1)) == [
        *[(0, 40), (40, 40), (80, 40), (120, 300), (420, 10)]
    ]
    assert [shard.number for shard in shards_of(pieces, Fraction(10), warm_up=0, first_number=7)] == [7, 8, 9]


def test_a_shard_inside_a_scene_is_warmed_up_from_within_the_scene() -> None:
    pieces = [piece(0, 100), piece(100, 20), piece(120, 20, cut=False), piece(140, 20, cut=False)]
    shards = shards_of(pieces, Fraction(1), warm_up=30, first_number=1)
    assert [(shard.first, shard.warm_up) for shard in shards] == [(0, 0), (100, 0), (120, 20), (140, 30)]


def test_a_long_scene_is_divided_only_when_asked_for(film: Path, tmp_path: Path, capsys) -> None:
    work = planned(tmp_path / "whole", film, seconds="0.2")
    assert work.manifest.exact
    words = ["plan", str(film), "--to", str(tmp_path / "parts"), "--seconds", "0.2", "--warm-up", "5", *LOOK]
    assert main(words) == 0
    parts = open_workspace(str(tmp_path / "parts")).manifest
    assert max(shard.frames for shard in parts.shards) < max(LENGTHS)
    assert not parts.exact
    assert "not be that of a single run" in capsys.readouterr().err


def test_the_second_plan_reads_no_film(film: Path, tmp_path: Path, monkeypatch) -> None:
    first = planned(tmp_path / "one", film)

    def refuse(*args: object, **more: object) -> None:
        raise AssertionError("the film is read again")

    monkeypatch.setattr(planning, "find_pieces", refuse)
    second = planned(tmp_path / "two", film)
    assert second.manifest == first.manifest
    for path in (user_cache_path("livedream") / "scenes").iterdir():
        assert json.loads(path.read_text())["pieces"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.mp4", "--to", "out"], "no.mp4 does not exist"),
        (["film.mp4"], "where is the plan to be written?"),
        (["film.mp4", "--to", "out/*.gif"], "film.gif: a GIF cannot be joined from shards"),
        (["film.mp4", "--to", "out/*.xyz"], "film.xyz is not the name of a video"),
        (["picture.png", "--to", "out"], "picture.png is not a video"),
        (["film.mp4", "--to", "out", "--strength", "9999"], "strength"),
        (["film.mp4", "--to", "nowhere://bucket/out"], "nowhere://bucket/... cannot be used"),
        (["s3://", "--to", "out"], "s3:// cannot be read"),
    ],
)
def test_refusals_are_one_line(words: list[str], message: str, film: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("film.mp4").write_bytes(film.read_bytes())
    Path("picture.png").write_bytes(b"\x89PNG")
    assert main(["plan", *words]) in (1, 2)
    err = capsys.readouterr().err
    assert message in err.splitlines()[0]
    assert "internal" not in err
    assert not Path("out").exists()


def test_films_are_read_beside_each_other_and_planned_in_their_order(tmp_path: Path, capsys) -> None:
    lengths = ((30, 25), (9,), (12, 8, 11))
    films = [write_film(tmp_path / f"{'abc'[n]}.mp4", lengths=each, seed=n) for n, each in enumerate(lengths)]
    manifest = planned(tmp_path / "out", *films, seconds="0.1").manifest
    assert [film.target for film in manifest.films] == ["a.mkv", "b.mkv", "c.mkv"]
    assert [[shard.frames for shard in film.shards] for film in manifest.films] == [list(each) for each in lengths]
    assert [shard.number for shard in manifest.shards] == [1, 2, 3, 4, 5, 6]
    films[1].write_bytes(b"no film")
    assert main(["plan", *map(str, films), "--to", str(tmp_path / "other"), *LOOK]) == 1
    assert str(films[1]) in capsys.readouterr().err.splitlines()[0]
    assert not (tmp_path / "other").exists()


def test_another_plan_is_not_replaced(film: Path, tmp_path: Path, capsys) -> None:
    planned(tmp_path / "out", film)
    before = (tmp_path / "out" / "manifest.toml").read_bytes()
    words = ["plan", str(film), "--to", str(tmp_path / "out" / "*.mkv"), *LOOK, *FFV1]
    assert main(words) == 1
    assert (tmp_path / "out" / "manifest.toml").read_bytes() == before
    assert "is another plan" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert (tmp_path / "out" / "manifest.toml").read_bytes() != before
