"""Folders on this machine and behind addresses: a real S3 server over loopback, and memory."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from livedream.cli.main import main
from livedream.errors import SinkError, SourceError
from livedream.farm.store import Store, local_copy
from tests.farm.films import FFV1, LOOK, frame_hashes, packets

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    """The bucket `films` of a server of S3 on this machine, for which the environment is set."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (tmp_path / "moto.txt").open("wb") as said:
        server = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}/moto-api/").close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < end and server.poll() is None
                time.sleep(0.05)
        for name, value in (
            *(("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")),
            *(("AWS_ENDPOINT_URL", url), ("AWS_DEFAULT_REGION", "us-east-1")),
        ):
            monkeypatch.setenv(name, value)
        fsspec.filesystem("s3").clear_instance_cache()
        filesystem = fsspec.filesystem("s3")
        filesystem.mkdir("films")
        yield filesystem
        fsspec.filesystem("s3").clear_instance_cache()
    finally:
        server.kill()
        server.wait()


def test_a_film_goes_from_s3_to_s3(film: Path, single: Path, tmp_path: Path, s3, capsys) -> None:
    s3.put_file(str(film), "films/in/film.mp4")
    out = "s3://films/out"
    assert main(["plan", "s3://films/in/film.mp4", "--to", f"{out}/*.mkv", "--seconds", "2", *FFV1, *LOOK]) == 0
    assert capsys.readouterr().out.startswith("s3://films/out/manifest.toml: 1 film, 11 scenes, 3 shards, 200 frames")
    for number in (2, 1, 3):
        assert main(["run", "--manifest", f"{out}/manifest.toml", "--shard", f"{number}/3"]) == 0
    assert main(["run", "--manifest", out, "--shard", "1/3"]) == 0
    assert "shard 1/3 is complete: s3://films/out/shards-" in capsys.readouterr().out
    assert main(["join", out]) == 0
    s3.get_file("films/out/film.mkv", str(tmp_path / "joined.mkv"))
    assert frame_hashes(tmp_path / "joined.mkv") == frame_hashes(single)
    assert packets(tmp_path / "joined.mkv", "audio") == packets(single, "audio")
    s3.invalidate_cache()
    s3.pipe_file("films/in/film.mp4", film.read_bytes() + b"x")
    s3.rm_file("films/out/film.mkv")
    assert main(["join", out]) == 1
    assert "film.mp4 has changed since it was planned" in capsys.readouterr().err


def test_a_store_that_does_not_answer_is_one_line(monkeypatch, capsys, film: Path) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()
    assert main(["join", "s3://films/out"]) == 1
    assert capsys.readouterr().err.startswith("error: s3://films/out/manifest.toml cannot be read: ")


@pytest.mark.parametrize("place", ["folder", "memory://farm"])
def test_a_file_is_there_as_a_whole(place: str, tmp_path: Path) -> None:
    store = Store(str(tmp_path / place) if place == "folder" else place)
    assert store.read("a/b.txt") is None
    assert store.size("a/b.txt") is None
    store.write("a/b.txt", b"first")
    store.write("a/b.txt", b"the second")
    assert store.read("a/b.txt") == b"the second"
    assert store.size("a/b.txt") == 10
    copy = store.local("a/b.txt")
    assert copy.read_bytes() == b"the second"
    store.drop(copy)
    assert store.read("a/b.txt") == b"the second"


def test_a_copy_follows_the_original() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/films/clip.mp4", b"one")
    first = local_copy("memory://films/clip.mp4")
    assert (first.name, first.read_bytes()) == ("clip.mp4", b"one")
    assert local_copy("memory://films/clip.mp4") == first
    assert [path.name for path in first.parent.iterdir()] == ["clip.mp4"]
    memory.pipe_file("/films/clip.mp4", b"two!")
    assert local_copy("memory://films/clip.mp4").read_bytes() == b"two!"


def test_errors_are_ours(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be used"):
        Store("nowhere://x")
    with pytest.raises(SourceError, match=r"memory://none/film\.mp4 cannot be read"):
        local_copy("memory://none/film.mp4")
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        Store(str(tmp_path / "file")).write("a", b"")


@pytest.mark.parametrize("place", ["folder", "memory://moved"])
def test_what_is_moved_in_replaces_nothing_unless_told_to(place: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "folder").mkdir()
    store = Store(str(tmp_path / place) if place == "folder" else place)

    def move(content: bytes, overwrite: bool) -> None:
        (tmp_path / "new").write_bytes(content)
        store.move_in(tmp_path / "new", "film", overwrite=overwrite)
        assert not (tmp_path / "new").exists()

    move(b"one", overwrite=False)
    with pytest.raises(FileExistsError):
        move(b"two", overwrite=False)
    assert store.read("film") == b"one"
    move(b"two", overwrite=True)
    assert store.read("film") == b"two"

    def no_links(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    with pytest.raises(FileExistsError):
        move(b"three", overwrite=False)
    assert store.read("film") == b"two"
