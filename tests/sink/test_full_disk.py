"""A disk that fills up: no truncated file under the final name, and the previous file stays."""

import contextlib
import errno
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.images import ImagesSink
from livedream.sink.lock import OutputLock
from livedream.sink.open import open_sink
from livedream.sink.partial_file import write_whole
from tests.conftest import disk_of

ROOM = 24_000
"""Bytes that are free."""
NOISE = Frame(np.random.default_rng(0).integers(0, 256, (192, 256, 3), np.uint8), Fraction(0), 0)
"""An image that is larger than that in every format."""


@pytest.fixture(params=["limit", "tmpfs"])
def full(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder that is to be used inside `filled`; as root, on a disk of its own with ROOM bytes free."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        if request.param == "tmpfs" and stack.enter_context(disk_of("64k", folder)):
            (folder / "ballast").write_bytes(bytes(65536 - ROOM - 4096))
        yield folder


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Let no file get larger than ROOM, by a limit of the process where the folder has no disk of its own.

    Not for longer than the block: what pytest prints may go into a file too.
    """
    if (folder / "ballast").exists():
        yield
        return
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "ballast")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_an_image_is_complete_or_absent_and_the_old_one_stays(name: str, full: Path) -> None:
    (full / name).write_bytes(b"old and whole")
    with filled(full), open_sink(full / name, overwrite=True) as sink:
        sink.recipe = Recipe(settings=DreamSettings())
        with pytest.raises(SinkError, match=f"{name} cannot be written: (No space left on device|File too large)"):
            sink.write(NOISE)
    assert (full / name).read_bytes() == b"old and whole"
    assert names(full) == [name]


def test_frames_before_the_disk_was_full_are_complete(full: Path) -> None:
    small = Frame(np.zeros((8, 8, 3), np.uint8), Fraction(0), 0)
    with filled(full), ImagesSink(full / "out") as sink:
        sink.write(small)
        with pytest.raises(SinkError, match=r"000001\.png cannot be written"):
            sink.write(NOISE)
    assert names(full / "out") == ["000000.png"]


def test_an_incomplete_video_does_not_replace_a_complete_one(full: Path) -> None:
    for name in ("a.mkv", "a.gif"):
        (full / name).write_bytes(b"old and whole")
        with filled(full), open_sink(full / name, overwrite=True) as sink, pytest.raises(SinkError) as caught:
            for index in range(100):
                sink.write(Frame(np.roll(NOISE.pixels, index), Fraction(index, 25), index))
        assert caught.value.hint == f"what was written is in {full / name.replace('.', '.part.')}"
        assert (full / name).read_bytes() == b"old and whole"
        (full / name.replace(".", ".part.")).unlink()


@pytest.mark.parametrize("took", ["less", "an error"])
def test_the_size_on_the_disk_is_checked(took: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some disks report only at the end that they are full: network disks, quotas, delayed allocation."""
    path = tmp_path / "a.toml"
    path.write_text("old")

    def fsync(descriptor: int) -> None:
        if took == "an error":
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        os.ftruncate(descriptor, 2)

    monkeypatch.setattr(os, "fsync", fsync)
    told = "Disk quota exceeded" if took == "an error" else "only 2 of 3 bytes are on the disk"
    with OutputLock(path) as lock, pytest.raises(SinkError, match=f"cannot be written: {told}"):
        write_whole(path, b"new", lock, overwrite=True)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.toml"]
