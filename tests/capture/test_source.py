"""What is true of every source, and how one is named."""

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture.demo import DemoSource
from livedream.capture.images import ImagesSource
from livedream.capture.live.camera import CameraSource
from livedream.capture.live.network_stream import NetworkSource
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.capture.video import VideoSource
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from tests.capture.cameras import fake_camera, network_camera
from tests.films import UPRIGHT, corners, quarters, write_film

SIZE = (64, 48)
Open = Callable[[], Source]


@contextlib.contextmanager
def _a_network_camera(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    with network_camera(folder) as address:
        yield lambda: open_source(address)


@contextlib.contextmanager
def _a_local_camera(_: Path, patch: pytest.MonkeyPatch) -> Iterator[Open]:
    fake_camera(patch, [np.ascontiguousarray(quarters(SIZE)[:, :, ::-1])])
    yield lambda: open_source("0")


@contextlib.contextmanager
def _a_film(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    film = write_film(folder / "film.mp4", list(range(0, 800, 40)))
    yield lambda: open_source(film)


@contextlib.contextmanager
def _pictures(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    for number in range(20):
        Image.fromarray(quarters(SIZE)).save(folder / f"{number}.png")
    yield lambda: open_source(folder)


@contextlib.contextmanager
def _the_demo(folder: Path, _: pytest.MonkeyPatch) -> Iterator[Open]:
    film = write_film(folder / "film.mp4", list(range(0, 800, 40)))
    now = [Fraction(0)]

    def wait(seconds: float) -> bool:
        now[0] += Fraction(seconds).limit_denominator(1000)
        return False

    yield lambda: DemoSource(film, clock=lambda: now[0], wait=wait)  # type: ignore[arg-type, return-value]


EVERY = {
    "network camera": (_a_network_camera, NetworkSource, True),
    "camera": (_a_local_camera, CameraSource, True),
    "film": (_a_film, VideoSource, False),
    "pictures": (_pictures, ImagesSource, False),
    "demo": (_the_demo, DemoSource, True),
}


@pytest.fixture(params=EVERY)
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    make, kind, live = EVERY[request.param]
    with make(tmp_path, monkeypatch) as open_it, open_it() as source:
        assert type(source) is kind
        assert source.live is live
        yield source


def take(source: Source, count: int) -> list[Frame]:
    return [frame for _, frame in zip(range(count), source, strict=False)]


def test_keeps_what_a_source_promises(opened: Source) -> None:
    assert opened.size == SIZE
    assert opened.rate is None or isinstance(opened.rate, Fraction)
    assert opened.name
    frames = take(opened, 5)
    assert [frame.size for frame in frames] == [SIZE] * 5
    assert all(corners(frame.pixels) == UPRIGHT for frame in frames)  # RGB and not BGR, upright and not mirrored
    assert all(before.time < after.time for before, after in itertools.pairwise(frames))
    assert all(before.index < after.index for before, after in itertools.pairwise(frames))
    assert frames[0].index == 0
    assert all((frame.time / opened.time_base).denominator == 1 for frame in frames)
    assert len({frame.pixels.ctypes.data for frame in frames}) == 5  # whoever has a frame may keep it


def test_second_iteration_goes_on_where_the_first_stopped(opened: Source) -> None:
    before = next(iter(opened))
    after = next(iter(opened))
    assert after.time > before.time
    assert after.index > before.index


def test_closes_twice_and_then_ends(opened: Source) -> None:
    frames = iter(opened)
    next(frames)
    opened.close()
    opened.close()
    assert list(frames) == []
    assert list(opened) == []


def test_ends_when_another_thread_closes_it(opened: Source) -> None:
    begun = threading.Event()

    def read() -> None:
        for _ in opened:
            begun.set()

    reader = threading.Thread(target=read, name="livedream-test")
    reader.start()
    assert begun.wait(10)
    opened.close()
    reader.join(10)
    assert not reader.is_alive()


# Wrong names ---------------------------------------------------------------------------------------------------------


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
    assert said == 'neither a file nor a camera is called gnome | this machine has no camera; try open_source("demo")'


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
    assert "right" in said


def test_file_called_like_a_keyword(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(quarters()).save(tmp_path / "0", format="png")
    with open_source(Path("0")) as source:
        assert source.size == SIZE
    (tmp_path / "demo").mkdir()
    Image.fromarray(quarters()).save(tmp_path / "demo" / "a.png")
    with open_source("./demo") as source:
        assert type(source) is ImagesSource
