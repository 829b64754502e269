"""How a source is named, and what is said of names that mean nothing."""

import os
from pathlib import Path

import pytest
from PIL import Image

from livedream.capture.images import ImagesSource
from livedream.capture.open import open_source
from livedream.errors import ArgumentError, SourceError
from tests.films import quarters

SIZE = (64, 48)


def message(spec: str | Path) -> str:
    with pytest.raises((SourceError, ArgumentError)) as caught:
        open_source(spec).close()
    text = str(caught.value)
    assert "\n" not in text + caught.value.hint
    return f"{text} | {caught.value.hint}"


@pytest.mark.parametrize("spec", ["", " ", "screen:", "screen:1x", "ftp://host/film.mp4", "100"])
def test_nonsense_is_an_argument_error(spec: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        open_source(spec)
    assert caught.value.hint


def test_other_types_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        open_source(b"film.mp4")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        open_source(0.5)  # type: ignore[arg-type]


def test_absent_camera_lists_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedream.capture.live.devices.list_cameras", list)
    assert message("98") == "camera 98 cannot be opened | this machine has no camera"
    assert message("/dev/video98") == "/dev/video98 cannot be opened | this machine has no camera"


def test_unknown_name_says_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedream.capture.live.devices.list_cameras", list)
    said = message("gnome")
    assert said == 'no file or camera is called gnome | this machine has no camera; try open_source("demo")'


def test_missing_file(tmp_path: Path) -> None:
    assert message(tmp_path / "absent.mp4").startswith(f"no such file: {tmp_path}/absent.mp4")
    assert message("absent.mp4").startswith("no such file: absent.mp4")
    assert message(str(tmp_path / "*.jpg")).startswith(f"no such picture: {tmp_path}/*.jpg")


def test_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    assert message(tmp_path).startswith(f"no pictures in {tmp_path}")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="rights are otherwise here")
@pytest.mark.parametrize("name", ["film.mp4", "picture.png", "folder"])
def test_no_right_to_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"something")
    path.chmod(0)
    monkeypatch.chdir(tmp_path)  # a relative name does not ask for rights to the folders above
    if os.geteuid() == 0:
        tmp_path.chmod(0o755)
        os.seteuid(65534)  # root may read everything
    try:
        said = message(name)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        path.chmod(0o700)
    assert name in said
    assert "permission" in said.lower()


def test_file_called_like_a_keyword(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(quarters()).save(tmp_path / "0", format="png")
    with open_source(Path("0")) as source:
        assert source.size == SIZE
    (tmp_path / "demo").mkdir()
    Image.fromarray(quarters()).save(tmp_path / "demo" / "a.png")
    with open_source("./demo") as source:
        assert type(source) is ImagesSource
