"""Small pictures: made once, for every kind of file."""

import io
from pathlib import Path

import pytest
from PIL import Image

from livedream.studio.library import previews as module
from livedream.studio.library.errors import UndecodableError, UnknownThingError
from livedream.studio.library.files import Files
from livedream.studio.library.previews import preview_of
from tests.conftest import write_clip
from tests.studio.library.parts import all_below, picture, upload

SNAPSHOT, RECORDING = "snapshot-20261127-220101", "recording-20261127-220101"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path / "studio")
    picture(files.folder / "snapshots" / "livedream-20261127-220101.png", (640, 480))
    write_clip(files.folder / "recordings" / "livedream-20261127-220101.mp4")
    return files


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        return image.size


def test_each_kind_once(files: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uploaded = upload(files, picture(tmp_path / "a.png", (640, 320)))
    expected = {SNAPSHOT: (320, 240), RECORDING: (64, 48), uploaded.id: (320, 160)}
    assert {id: size_of(preview_of(files, id)) for id in expected} == expected
    monkeypatch.setattr(module, "inspect_file", None)
    monkeypatch.setattr(module, "read_image", None)
    assert {id: size_of(preview_of(files, id)) for id in expected} == expected
    for id in expected:
        files.delete(id)
    assert all_below(files.folder) == []


def test_a_preview_that_was_deleted_is_made_again(files: Files, tmp_path: Path) -> None:
    uploaded = upload(files, picture(tmp_path / "a.png"))
    (files.folder / "previews" / f"{uploaded.id}.jpg").unlink()
    assert size_of(preview_of(files, uploaded.id)) == (64, 48)
    assert files.preview(uploaded.id) is not None


def test_a_file_that_is_no_picture(files: Files) -> None:
    (files.folder / "snapshots" / "livedream-20261127-220101.png").write_bytes(b"x")
    with pytest.raises(UndecodableError, match=r"^livedream-20261127-220101\.png ") as caught:
        preview_of(files, SNAPSHOT)
    assert str(files.folder) not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(UnknownThingError):
        preview_of(files, "snapshot-1")
