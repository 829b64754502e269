"""What is refused when shards are joined, each with one line that names it."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livedream.cli.main import main
from livedream.errors import LivedreamError
from livedream.farm.join import ShardError, join_film
from livedream.farm.shard import ShardDreamer
from livedream.farm.workspace import Workspace, open_workspace
from tests.farm.films import FFV1, frame_hashes, planned, write_film


@pytest.fixture(scope="module")
def dreamt(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A plan whose shards are all dreamt, not joined; its film lies beside it."""
    folder = tmp_path_factory.mktemp("dreamt")
    film = write_film(folder / "short.mp4", lengths=(12, 9, 15))
    work = planned(folder, film, seconds="0.2", options=FFV1)
    assert [shard.frames for shard in work.manifest.shards] == [12, 9, 15]
    with ShardDreamer(work) as dreamer:
        for shard in work.manifest.shards:
            dreamer.dream(shard.number)
    return work


@pytest.fixture
def work(dreamt: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of `dreamt` in another folder: its film is named relative to it."""
    assert dreamt.store.folder is not None
    shutil.copytree(dreamt.store.folder, tmp_path / "copy")
    yield open_workspace(str(tmp_path / "copy"))


def file_of(work: Workspace, number: int) -> Path:
    return work.store.local(work.shard_file(*work.manifest.shard(number)))


def receipt_of(work: Workspace, number: int) -> Path:
    return work.store.local(work.receipt_file(work.manifest.shard(number)[1]))


def refusal(work: Workspace) -> LivedreamError:
    with pytest.raises(LivedreamError) as caught:
        join_film(work, work.manifest.films[0])
    assert work.store.size("short.mkv") is None  # nothing is written
    return caught.value


def test_a_missing_shard(work: Workspace) -> None:
    file_of(work, 2).unlink()
    error = refusal(work)
    assert str(error) == f"shard 2 is missing: {file_of(work, 2)}"
    manifest = work.store.shown(work.name)
    assert error.hint.command_line == f"livedream run --manifest {manifest} --shard 2/3"


def test_a_shard_that_is_not_complete(work: Workspace) -> None:
    receipt_of(work, 3).unlink()
    assert "shard 3 is missing" in str(refusal(work))


def test_a_truncated_shard(work: Workspace) -> None:
    content = file_of(work, 2).read_bytes()
    file_of(work, 2).write_bytes(content[:-100])
    assert f"shard 2 is truncated: {len(content) - 100} of {len(content)} bytes" in str(refusal(work))


def test_a_shard_with_other_bytes(work: Workspace) -> None:
    content = bytearray(file_of(work, 2).read_bytes())
    content[len(content) // 2] ^= 1
    file_of(work, 2).write_bytes(content)
    assert str(refusal(work)) == f"shard 2 is damaged: {file_of(work, 2)}"


def test_another_shard_in_its_place(work: Workspace) -> None:
    shutil.copyfile(file_of(work, 1), file_of(work, 2))
    shutil.copyfile(receipt_of(work, 1), receipt_of(work, 2))
    assert "shard 2 belongs to another manifest or is another shard" in str(refusal(work))


def test_a_shard_of_another_manifest(work: Workspace) -> None:
    text = receipt_of(work, 2).read_text()
    receipt_of(work, 2).write_text(text.replace(work.manifest.id, "0" * 32))
    assert "shard 2 belongs to another manifest or is another shard" in str(refusal(work))


def test_a_damaged_receipt(work: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    receipt_of(work, 2).write_bytes(b"\xff\x00")
    assert main(["join", work.store.place]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"error: {receipt_of(work, 2)} is damaged"


def test_shards_of_different_processors(work: Workspace) -> None:
    text = receipt_of(work, 3).read_text()
    lines = ['processor = "AVX9"' if line.startswith("processor") else line for line in text.splitlines()]
    receipt_of(work, 3).write_text("\n".join(lines))
    assert str(refusal(work)).startswith("shard 3 was dreamt on AVX9, shard 1 on ")


def test_a_changed_film(work: Workspace) -> None:
    film = work.film(work.manifest.films[0])
    with film.open("ab") as file:
        file.write(b"x")
    assert str(refusal(work)) == f"{film} has changed since it was planned"


def test_a_receipt_that_vouches_for_a_foreign_video(work: Workspace) -> None:
    """Whoever forges the receipt too is met by the frames."""
    shutil.copyfile(file_of(work, 1), file_of(work, 2))
    text = receipt_of(work, 1).read_text().replace("number = 1", "number = 2")
    receipt_of(work, 2).write_text(text)
    assert str(refusal(work)) == "shard 2 has 12 frames, and 9 were planned"


def test_all_films_that_are_complete_are_joined(work: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["join", work.store.place]) == 0
    assert "written: " in capsys.readouterr().out
    assert len(frame_hashes(work.store.local("short.mkv"))) == 36
    assert main(["join", work.store.place]) == 0
    assert capsys.readouterr().out == "short.mkv is complete\n"


def test_a_film_of_somebody_else_is_not_replaced(work: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    target = work.store.local("short.mkv")
    target.write_bytes(b"mine")
    assert main(["join", work.store.place]) == 1
    assert target.read_bytes() == b"mine"
    assert "exists already" in capsys.readouterr().err
    assert main(["join", work.store.place, "--overwrite"]) == 0
    assert len(frame_hashes(target)) == 36


def test_a_film_that_fails_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = [write_film(tmp_path / f"{name}.mp4", lengths=(6, 5), seed=seed) for seed, name in enumerate("ab")]
    work = planned(tmp_path / "out", *films, seconds="9", options=FFV1)
    with ShardDreamer(work) as dreamer:
        dreamer.dream(2)
    assert main(["join", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert "b.mkv" in out
    assert err.splitlines()[0].startswith("error: shard 1 is missing")
    assert "1 of 2 films could not be joined" in err
    assert issubclass(ShardError, LivedreamError)


def test_a_join_that_is_killed_or_stopped_is_begun_again(work: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """What it has written so far is never taken for the film, and does not hinder the next one."""
    program = f"""
import os, signal
from livedream.farm.join import join_film
from livedream.farm.workspace import open_workspace
work = open_workspace({work.store.place!r})
join_film(work, work.manifest.films[0], on_frame=lambda count: count == 20 and os.kill(os.getpid(), signal.SIGKILL))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert work.store.size("short.mkv") is None

    class StoppedError(Exception):
        pass

    def stop(count: int) -> None:
        if count == 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        join_film(work, work.manifest.films[0], on_frame=stop)
    assert work.store.size("short.mkv") is None
    assert main(["join", work.store.place]) == 0
    assert len(frame_hashes(work.store.local("short.mkv"))) == 36
    assert work.store.folder is not None
    assert sorted(path.name for path in work.store.folder.iterdir() if path.is_file()) == [
        *("manifest.toml", "short.mkv", "short.mp4")
    ]
    assert capsys.readouterr().err == ""
