"""How a sink is opened from the words a user types."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.errors import ArgumentError, unknown
from livedream.names import NUMBERED
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.sink import Sink
from livedream.sink.video.codecs import VIDEO_SUFFIXES, Encoding
from livedream.stream_info import DescribesFrames, StreamInfo
from livedream.suffixes import PICTURES_OUT

if TYPE_CHECKING:
    from livedream.sink.video.salvage import Kept
    from livedream.sink.window.placement import Placement

WINDOW = "window"
DEVICES = (WINDOW, "null", "virtual-camera")
"""Sinks that have a name of their own and leave nothing on disk."""
STDOUT, RAW_STDOUT = "-", "rgb24:-"
"""Frames on standard output: as Y4M, and as raw RGB."""
ADDRESSES = ("udp", "rtmp", "rtmps", "rtsp", "srt")
"""How the address begins to which frames are sent."""


def open_sink(
    spec: str | os.PathLike[str],
    info: StreamInfo | DescribesFrames | None = None,
    *,
    encoding: Encoding | None = None,
    overwrite: bool = False,
    lock: OutputLock | None = None,
    kept: "Kept | None" = None,
    placement: "Placement | None" = None,
) -> Sink:
    """Open a window, a film, pictures, a virtual camera or a connection, to which frames are written.

        with open_source("film.mp4") as source, open_sink("dream.mp4", source) as sink:
            for frame in source:
                sink.write(frame)

    Args:
        spec: what to open:
            `window`;
            the name of a film (.mp4, .mov, .mkv, .webm, .gif);
            the name of a picture (.png, .jpg, .webp, .tif), for the first frame alone;
            one with a place for a number (`out%06d.png`), or a folder (`out/`): a picture for each frame;
            `virtual-camera`, or `virtual-camera:NAME` for one of several;
            an address (`udp://`, `rtmp://`, `rtsp://`, `srt://`);
            `-` for Y4M on standard output, `rgb24:-` for raw RGB;
            `null`, which keeps nothing.
        info: the source that the frames come from, or `StreamInfo`: gives a film its rate and its sound. Without it the
            times of the frames count alone.
        encoding: `Encoding(codec="h265", quality=80)` of a film; without it, what suits that kind of file.
        overwrite: whether a file of that name may be replaced.
        lock: for the command line: of a film, if it is held already; the sink takes it over.
        kept: for the command line: what an earlier run has left of a film.
        placement: where a window appears, and how.

    Returns:
        A `Sink`: `write` frames to it in order, inside a `with` block, which leaves a complete file.

    Raises:
        ArgumentError: `spec` means nothing, or would replace what is read.
        SinkError: it cannot be written, exists already, or another run writes it.
    """
    if not isinstance(info, StreamInfo):
        info = StreamInfo() if info is None else StreamInfo.of(info)
    text = os.fspath(spec)
    if not isinstance(text, str):
        raise TypeError(f"a sink is named by text or a path, got {type(spec).__name__}")
    if isinstance(spec, str) and not leaves_a_file(text):  # a Path is always a file or a folder, whatever its name
        return _open_device(text, info, placement)
    return _open_file(text, info, encoding=encoding, overwrite=overwrite, lock=lock, kept=kept)


def _open_device(text: str, info: StreamInfo, placement: "Placement | None") -> Sink:
    """Open a sink that leaves nothing on disk: a window, a virtual camera, a connection, standard output."""
    if text == WINDOW:
        from livedream.sink.window.window_sink import WindowSink

        return WindowSink(pixel_aspect=info.pixel_aspect, placement=placement)
    if text == "null":
        from livedream.sink.null import NullSink

        return NullSink()
    if is_stdout(text):
        from livedream.sink.stdout import StdoutSink

        return StdoutSink(text, info)
    name, _, rest = text.partition(":")
    if name == "virtual-camera":
        from livedream.sink.virtual_camera import VirtualCameraSink

        return VirtualCameraSink(rest or None, info)
    if "://" not in text:
        raise unknown("sink", text, _CHOICES)
    if name.lower() not in ADDRESSES:
        raise ArgumentError(f"cannot send to {name}://", f"choose from {', '.join(ADDRESSES)}")
    from livedream.sink.network_stream import NetworkSink

    return NetworkSink(text, info)


def _open_file(
    text: str,
    info: StreamInfo,
    *,
    encoding: Encoding | None,
    overwrite: bool,
    lock: OutputLock | None,
    kept: "Kept | None",
) -> Sink:
    """Open a video, a picture or a folder of pictures."""
    path = Path(text)
    suffix = path.suffix.lower()
    if not text.strip():
        raise ArgumentError("the name of the sink is empty", f"choose from {', '.join(_CHOICES)}")
    if text.endswith(("/", os.sep)) or path.is_dir():
        from livedream.sink.images import ImagesSink

        return ImagesSink(path, info, overwrite=overwrite)
    if suffix in VIDEO_SUFFIXES:
        from livedream.sink.video.video_sink import VideoSink

        return VideoSink(path, info, encoding=encoding, overwrite=overwrite, lock=lock, kept=kept)
    if suffix not in PICTURES_OUT:
        if suffix:
            suffixes = ", ".join(VIDEO_SUFFIXES + PICTURES_OUT)
            raise ArgumentError(f"unknown file type: {suffix}", f"choose from {suffixes}")
        raise unknown("sink", text, _CHOICES)
    if NUMBERED.search(path.name):
        from livedream.sink.numbered import NumberedSink

        return NumberedSink(path, info, overwrite=overwrite)
    if info.stills and info.length and info.length > 1:
        raise ArgumentError(
            f"{info.length} pictures do not fit into {text}", "name a folder (out/) or a video (out.mp4)"
        )
    from livedream.sink.images import ImageSink

    return ImageSink(path, info, overwrite=overwrite)


def check_outputs(specs: Sequence[str], info: StreamInfo) -> None:
    """Raise ArgumentError when one of the sinks that `specs` mean would write what is read, or another one's files.

    `open_sink` sees that too, but when those before it are open, and files of theirs are made.
    """
    inputs = Inputs.of(info)
    locks: list[OutputLock] = []
    for spec in specs:
        if not leaves_a_file(spec):
            continue
        is_folder = spec.endswith(("/", os.sep)) or Path(spec).is_dir()
        inputs.refuse_output(Path(spec), folder=is_folder)
        lock = OutputLock(Path(spec), folder=is_folder)
        for other in locks:
            if lock.collides(other):
                raise ArgumentError(f"{spec} and {other.path} would be written under one name", "choose another name")
        locks.append(lock)


def leaves_a_file(spec: str) -> bool:
    """Return whether a sink of that name leaves something on disk."""
    return spec.partition(":")[0] not in DEVICES and "://" not in spec and not is_stdout(spec)


def holds_one_picture(spec: str) -> bool:
    """Return whether a sink of that name keeps one frame alone: a picture, neither a folder nor numbered pictures."""
    path = Path(spec)
    is_folder = spec.endswith("/") or path.is_dir()
    is_image = path.suffix.lower() in PICTURES_OUT and not NUMBERED.search(path.name)
    return leaves_a_file(spec) and is_image and not is_folder


def is_stdout(spec: str) -> bool:
    """Return whether a sink of that name writes frames to standard output."""
    return spec in (STDOUT, RAW_STDOUT)


def keeps_every_frame(spec: str) -> bool:
    """Return whether a sink of that name gets every frame of a film, however long that takes."""
    return leaves_a_file(spec) or is_stdout(spec)


_CHOICES = (
    "window",
    "virtual-camera",
    "null",
    "udp://127.0.0.1:5000",
    STDOUT,
    "out.mp4",
    "out.mkv",
    "out.png",
    "folder/",
)
