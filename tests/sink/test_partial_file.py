"""Partial files: how they are written, checked and renamed."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from livedream.errors import ArgumentError, SinkError
from livedream.sink.inputs import FRAMES, Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import PartialFile, write_whole


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[OutputLock]:
    with OutputLock(tmp_path / "a.mp4") as held:
        yield held


def test_the_file_is_renamed_last_and_the_old_one_stays_until_then(lock: OutputLock, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("old")
    part = PartialFile(path, lock, overwrite=True)
    part.write(b"new")
    assert (path.read_text(), part.part.read_text()) == ("old", "new")
    part.finish()
    part.discard()
    assert path.read_text() == "new"
    assert not part.part.exists()


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    hard_links: bool, lock: OutputLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between the last look and the renaming; where the disk knows no hard links, just before the look."""
    path = tmp_path / "a.mp4"
    part = PartialFile(path, lock)
    part.write(b"new")
    link = Path.hardlink_to

    def late(self: Path, target: Path) -> None:
        path.write_text("precious")
        link(self, target)

    def unsupported(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", late if hard_links else unsupported)
    if not hard_links:
        path.write_text("precious")
    with pytest.raises(SinkError, match=r"a\.mp4 exists already") as caught:
        part.finish()
    assert caught.value.hint == f"what was written is in {part.part}"
    assert (path.read_text(), part.part.read_text()) == ("precious", "new")


def test_hard_links_are_not_required(lock: OutputLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", unsupported)
    write_whole(tmp_path / "a.mp4", b"new", lock)
    assert (tmp_path / "a.mp4").read_bytes() == b"new"


def test_an_input_that_comes_under_the_name_meanwhile_is_not_replaced(lock: OutputLock, tmp_path: Path) -> None:
    source, path = tmp_path / "source.mp4", tmp_path / "a.mp4"
    source.write_text("source")
    inputs = Inputs([source])
    part = PartialFile(path, lock, overwrite=True, inputs=inputs)
    part.write(b"new")
    source.rename(path)
    with pytest.raises(SinkError, match=rf"a\.mp4 is {FRAMES}"):
        part.finish()
    assert path.read_text() == "source"
    with pytest.raises(ArgumentError, match=rf"a\.mp4 is {FRAMES}"):
        PartialFile(path, lock, overwrite=True, inputs=inputs)


def test_only_parts_of_livedream_are_replaced(lock: OutputLock, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    cut_off = PartialFile(path, lock)
    cut_off.write(b"half a film")
    cut_off.leave()
    with pytest.raises(SinkError, match=r"a\.part\.mp4 exists already") as caught:
        PartialFile(path, lock)
    assert "overwrite=True starts again" in caught.value.hint
    PartialFile(path, lock, overwrite=True).discard()
    assert not cut_off.part.exists()
    cut_off.part.write_text("somebody's")
    for overwrite in (False, True):
        with pytest.raises(SinkError, match="livedream may not have made it"):
            PartialFile(path, lock, overwrite=overwrite)
    assert cut_off.part.read_text() == "somebody's"


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="no such rights here")
def test_a_private_file_stays_private(lock: OutputLock, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch(mode=0o600)
    write_whole(path, b"new", lock, overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
