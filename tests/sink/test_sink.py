"""The contract that every sink keeps, and the names by which sinks are opened."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.open import open_source
from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink import virtual_camera
from livedream.sink.images import ImageSink, ImagesSink
from livedream.sink.network_stream import NetworkSink
from livedream.sink.null import NullSink
from livedream.sink.numbered import NumberedSink
from livedream.sink.open import SINKS, open_sink, sink_kind
from livedream.sink.sink import Sink
from livedream.sink.stdout import StdoutSink
from livedream.sink.video.video_sink import VideoSink
from livedream.sink.virtual_camera import VirtualCameraSink
from livedream.sink.window.window_sink import WindowSink
from livedream.stream_info import StreamInfo
from tests.films import quarters, write_film

EVERY = {
    "film.mp4": VideoSink,
    "film.mov": VideoSink,
    "film.mkv": VideoSink,
    "film.webm": VideoSink,
    "film.gif": VideoSink,
    "folder/": ImagesSink,
    "picture.png": ImageSink,
    "picture.jpg": ImageSink,
    "picture.webp": ImageSink,
    "picture.tif": ImageSink,
    "numbered%03d.png": NumberedSink,
    "null": NullSink,
    "-": StdoutSink,
    "rgb24:-": StdoutSink,
    "udp://127.0.0.1:9": NetworkSink,
    "virtual-camera": VirtualCameraSink,
    "window": WindowSink,
}
"""A name of every kind of sink, several for some kinds. Nothing listens at the address, which UDP does not notice."""


def test_the_contract_covers_every_kind_of_sink() -> None:
    assert {sink_kind(name) for name in EVERY} == set(SINKS)


def frames(count: int) -> list[Frame]:
    return [Frame(quarters(), Fraction(n, 25), n) for n in range(count)]


class Contract:
    """What every sink promises; the subclasses open the sinks."""

    def test_takes_frames_and_has_a_name(self, open_it: Callable[[], Sink]) -> None:
        with open_it() as sink:
            assert sink.name
            assert sink.finished is False
            shown = frames(3)
            for frame in shown:
                sink.write(frame)
                sink.idle()
            sink.end()
            assert all((frame.pixels == quarters()).all() for frame in shown)

    def test_closes_twice_with_and_without_frames(self, open_it: Callable[[], Sink]) -> None:
        for count in (0, 1):
            sink = open_it()
            for frame in frames(count):
                sink.write(frame)
            sink.close()
            sink.close()

    def test_leaves_no_file_without_frames(self, open_it: Callable[[], Sink], tmp_path: Path) -> None:
        with open_it() as sink:
            sink.end()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_does_not_hide_an_error(self, open_it: Callable[[], Sink]) -> None:
        with pytest.raises(KeyboardInterrupt), open_it() as sink:
            sink.write(frames(1)[0])
            raise KeyboardInterrupt


class TestFilesAndStreams(Contract):
    @pytest.fixture(params=[name for name in EVERY if name not in ("window", "virtual-camera")])
    def open_it(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Callable[[], Sink]]:
        """Opens one kind of sink, in an empty folder. Standard output is a file outside that folder."""
        monkeypatch.chdir(tmp_path)
        sys.stdout.flush()
        with contextlib.ExitStack() as undo:
            if request.param in ("-", "rgb24:-"):
                before = os.dup(1)
                undo.callback(os.close, before)
                file = undo.enter_context(tempfile.TemporaryFile())
                undo.callback(os.dup2, before, 1)

                def opened() -> Sink:
                    os.dup2(file.fileno(), 1)  # the sink of an earlier call has put standard error in its place
                    return _opened(request.param)

                yield opened
            else:
                yield lambda: _opened(request.param)


class TestVirtualCamera(Contract):
    @pytest.fixture
    def open_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Sink]:
        """Opens a virtual camera whose only back end discards the frames."""
        pyvirtualcam = pytest.importorskip("pyvirtualcam")
        folder = tmp_path_factory.mktemp("devices")
        monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {})
        monkeypatch.setattr(virtual_camera, "V4L2", folder / "sys")
        monkeypatch.setattr(DiscardingBackend, "path", str(folder / "video10"))
        (folder / "video10").touch()
        pyvirtualcam.camera.register_backend("test", DiscardingBackend)
        return lambda: _opened("virtual-camera")


class DiscardingBackend:
    """A back end of pyvirtualcam that discards the frames."""

    path = ""

    def __init__(self, **_: object) -> None:
        pass

    def send(self, frame: np.ndarray) -> None:
        pass

    def device(self) -> str:
        return self.path

    def native_fourcc(self) -> None:
        return None

    def close(self) -> None:
        pass


@pytest.mark.needs_display
class TestWindow(Contract):
    @pytest.fixture
    def open_it(self, xvfb: str) -> Callable[[], Sink]:
        return lambda: _opened("window")


def _opened(name: str) -> Sink:
    sink = open_sink(name, StreamInfo(rate=Fraction(25)), overwrite=True)
    assert type(sink) is EVERY[name]
    return sink


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "text", "hint"),
    [
        ("windw", "unknown sink: windw", "did you mean window?"),
        (
            "",
            "the name of the sink is empty",
            "choose from window, virtual-camera, null, udp://127.0.0.1:5000, -, out.mp4, out.mkv, out.png, folder/",
        ),
        ("out.mp5", "unknown file type: .mp5", "choose from .mp4, .mov"),
        ("out.avi", "unknown file type: .avi", ".png"),
        ("http://host/live", "cannot send to http://", "choose from udp, rtmp"),
    ],
)
def test_an_unknown_name_lists_the_choices(spec: str, text: str, hint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        open_sink(spec)
    assert str(caught.value) == text
    assert hint in caught.value.hint


def test_other_types_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        open_sink(b"out.mp4")  # type: ignore[arg-type]


def test_stream_info_describes_a_source(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 40], sound="aac", aspect=Fraction(4, 3))
    with open_source(film) as source:
        info = StreamInfo.of(source)
        assert info == StreamInfo(
            rate=Fraction(25),
            size=(64, 48),
            length=2,
            time_base=source.time_base,
            pixel_aspect=Fraction(4, 3),
            sound=film,
            path=film,
            picture_track=0,
            files=(film,),
        )


# What must not be destroyed ------------------------------------------------------------------------------------------

DESTRUCTIVE = ("film.mp4", "./film.mp4", "linked.mp4", "hard.mp4", "here/film.mp4", "FILM")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", DESTRUCTIVE)
def test_never_writes_over_the_source(
    name: str, overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 40])
    content = film.read_bytes()
    (tmp_path / "linked.mp4").symlink_to(film)
    (tmp_path / "hard.mp4").hardlink_to(film)
    (tmp_path / "here").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    target = str(film) if name == "FILM" else name
    with open_source("film.mp4") as source, pytest.raises(ArgumentError, match="is what the frames are read from"):
        open_sink(target, StreamInfo.of(source), overwrite=overwrite)
    assert film.read_bytes() == content


@pytest.mark.parametrize("spec", ["photos/", "photos/*.png", "photos/1.png"])
def test_never_writes_over_a_picture_that_is_read(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.fromarray(quarters()).save("photos/1.png")
    with open_source(spec) as source:
        with pytest.raises(ArgumentError):
            open_sink("photos/1.png", StreamInfo.of(source), overwrite=True)
        if source.path == Path("photos"):
            with pytest.raises(ArgumentError):
                open_sink("photos/", StreamInfo.of(source), overwrite=True)
        open_sink("photos/new.mp4", StreamInfo.of(source)).close()


@pytest.mark.parametrize("name", ["film.mp4", "picture.png", "folder/000000.png"])
def test_an_existing_file_stays_without_overwrite(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("precious")
    spec = f"{path.parent}/" if "folder" in name else path
    with pytest.raises(SinkError) as caught:
        open_sink(spec)
    assert str(caught.value) == f"{path} exists already"
    assert "overwrite=True" in caught.value.hint
    assert path.read_text() == "precious"
    with open_sink(spec, overwrite=True) as sink:
        assert path.read_text() == "precious"  # until there is something better
        sink.write(frames(1)[0])
    assert path.read_bytes() != b"precious"


def test_several_images_into_one_file_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"cannot write 3 images into one file: out\.png"):
        open_sink("out.png", StreamInfo(stills=True, length=3))


# What cannot be written, said before the first frame -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["film.mp4", "picture.png", "folder/"])
def test_a_missing_folder_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(SinkError) as caught:
        open_sink(f"{tmp_path}/absent/{name}")
    assert f"{tmp_path}/absent" in str(caught.value)


def _all_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="rights are otherwise here")
@pytest.mark.parametrize("name", ["film.mp4", "picture.png", "folder/", "./"])
def test_a_folder_that_cannot_be_written_is_an_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    monkeypatch.chdir(tmp_path / "closed")
    with contextlib.ExitStack() as back:
        if os.geteuid() == 0:
            os.seteuid(65534)  # root may write everywhere
            back.callback(os.seteuid, 0)
        with pytest.raises(SinkError, match="Permission denied"):
            open_sink(name)
    assert _all_in(tmp_path / "closed") == []


def test_folder_with_the_name_of_a_film_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with open_sink(tmp_path / "out.mp4") as sink:
        assert type(sink) is ImagesSink
