"""The factory of sinks: opens one by the name that a user types."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livedream.errors import ArgumentError, unknown
from livedream.formats.suffixes import IMAGE_SUFFIXES_OUT, VIDEO_SUFFIXES
from livedream.names import NUMBERED
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.sink import Sink
from livedream.sink.stream_formats import STREAM_FORMATS
from livedream.sink.video.codecs import Encoding
from livedream.stream_info import DescribesFrames, StreamInfo
from livedream.urls import register_secrets

if TYPE_CHECKING:
    from livedream.sink.video.salvage import Salvage
    from livedream.sink.window.placement import Placement

WINDOW = "window"
DEVICES = (WINDOW, "null", "virtual-camera")
"""Names of sinks that leave nothing on disk."""
STDOUT, RAW_STDOUT = "-", "rgb24:-"
"""Frames on standard output: as Y4M, and as raw RGB."""
ADDRESSES = tuple(STREAM_FORMATS)
"""The schemes of the addresses to which frames can be sent."""
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
"""Examples of every kind, for error messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkRequest:
    """The arguments of `open_sink`, on their way to the function that opens this kind of sink."""

    spec: str
    info: StreamInfo
    encoding: Encoding | None
    overwrite: bool
    lock: OutputLock | None
    salvage: "Salvage | None"
    placement: "Placement | None"


def open_sink(
    spec: str | os.PathLike[str],
    info: StreamInfo | DescribesFrames | None = None,
    *,
    encoding: Encoding | None = None,
    overwrite: bool = False,
    lock: OutputLock | None = None,
    salvage: "Salvage | None" = None,
    placement: "Placement | None" = None,
) -> Sink:
    """Open a window, a video, images, a virtual camera or a network stream, to which frames are written.

        with open_source("film.mp4") as source, open_sink("dream.mp4", source) as sink:
            for frame in source:
                sink.write(frame)

    Args:
        spec: What to open. A `Path` always names a file or a folder. A string is one of:
            `window`;
            the name of a video (.mp4, .mov, .mkv, .webm, .gif);
            the name of an image (.png, .jpg, .webp, .tif), for the first frame only;
            a name with a place for a number (`out%06d.png`), or a folder (`out/`): one image for each frame;
            `virtual-camera`, or `virtual-camera:NAME` where there are several;
            an address (`udp://`, `rtmp://`, `rtsp://`, `srt://`);
            `-` for Y4M on standard output, `rgb24:-` for raw RGB;
            `null`, which discards the frames.
        info: The source of the frames, or a `StreamInfo`. It gives a video its rate and its sound. Without it only the
            times of the frames count.
        encoding: How to encode a video: `Encoding(codec="h265", quality=80)`. The default depends on the type of file.
        overwrite: Whether an existing file of that name may be replaced.
        lock: For the command line: the lock of the output, if it is held already. The sink takes it over.
        salvage: For the command line: what an earlier run left of a video.
        placement: Where and how a window appears.

    Returns:
        A `Sink`: `write` frames to it in order, inside a `with` block, which leaves a complete file.

    Raises:
        ArgumentError: `spec` is not the name of a sink, or the run reads the file that it names.
        SinkError: The sink cannot be opened, its file exists already, or another run writes it.
    """
    if not isinstance(info, StreamInfo):
        info = StreamInfo() if info is None else StreamInfo.of(info)
    request = SinkRequest(
        spec=os.fspath(spec),
        info=info,
        encoding=encoding,
        overwrite=overwrite,
        lock=lock,
        salvage=salvage,
        placement=placement,
    )
    return SINKS[sink_kind(spec)](request)


def sink_kind(spec: str | os.PathLike[str]) -> str:
    """Return the kind of sink that `spec` names, a key of `SINKS`. Raises ArgumentError for an unknown name."""
    text = os.fspath(spec)
    if not isinstance(text, str):
        raise TypeError(f"a sink must be named by a string or a path, got {type(spec).__name__}")
    if isinstance(spec, str) and not leaves_a_file(text):  # a Path is a file or a folder, whatever its name
        return _device_kind(text)
    path = Path(text)
    suffix = path.suffix.lower()
    if not text.strip():
        raise ArgumentError("the name of the sink is empty", f"choose from {', '.join(_CHOICES)}")
    if text.endswith(("/", os.sep)) or path.is_dir():
        return "folder"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix in IMAGE_SUFFIXES_OUT:
        return "numbered images" if NUMBERED.search(path.name) else "image"
    if suffix:
        suffixes = ", ".join(VIDEO_SUFFIXES + IMAGE_SUFFIXES_OUT)
        raise ArgumentError(f"unknown file type: {suffix}", f"choose from {suffixes}")
    raise unknown("sink", text, _CHOICES)


def _device_kind(text: str) -> str:
    """Return the kind of a sink that leaves nothing on disk."""
    if is_stdout(text):
        return "standard output"
    name = text.partition(":")[0]
    if name == "virtual-camera" or text in DEVICES:
        return name
    if "://" not in text:
        raise unknown("sink", text, _CHOICES)
    if name.lower() not in ADDRESSES:
        raise ArgumentError(f"cannot send to {name}://", f"choose from {', '.join(ADDRESSES)}")
    return "network stream"


# One function opens each kind of sink. They import it first: PyAV, Qt and pyvirtualcam take long to load.


def _open_window(request: SinkRequest) -> Sink:
    from livedream.sink.window.window_sink import WindowSink

    return WindowSink(pixel_aspect=request.info.pixel_aspect, placement=request.placement)


def _open_null(request: SinkRequest) -> Sink:
    from livedream.sink.null import NullSink

    return NullSink()


def _open_virtual_camera(request: SinkRequest) -> Sink:
    from livedream.sink.virtual_camera import VirtualCameraSink

    return VirtualCameraSink(request.spec.partition(":")[2] or None, request.info)


def _open_stdout(request: SinkRequest) -> Sink:
    from livedream.sink.stdout import StdoutSink

    return StdoutSink(request.info, raw=request.spec == RAW_STDOUT)


def _open_network_stream(request: SinkRequest) -> Sink:
    from livedream.sink.network_stream import NetworkSink

    register_secrets(request.spec)
    return NetworkSink(request.spec, request.info)


def _open_folder(request: SinkRequest) -> Sink:
    from livedream.sink.images import ImagesSink

    return ImagesSink(Path(request.spec), request.info, overwrite=request.overwrite)


def _open_video(request: SinkRequest) -> Sink:
    from livedream.sink.video.video_sink import VideoSink

    return VideoSink(
        Path(request.spec),
        request.info,
        encoding=request.encoding,
        overwrite=request.overwrite,
        lock=request.lock,
        salvage=request.salvage,
    )


def _open_numbered_images(request: SinkRequest) -> Sink:
    from livedream.sink.numbered import NumberedSink

    return NumberedSink(Path(request.spec), request.info, overwrite=request.overwrite)


def _open_image(request: SinkRequest) -> Sink:
    from livedream.sink.images import ImageSink

    info = request.info
    if info.stills and info.length and info.length > 1:
        raise ArgumentError(
            f"cannot write {info.length} images into one file: {request.spec}",
            "name a folder (out/) or a video (out.mp4)",
        )
    return ImageSink(Path(request.spec), info, overwrite=request.overwrite)


SINKS: Mapping[str, Callable[[SinkRequest], Sink]] = {
    "window": _open_window,
    "virtual-camera": _open_virtual_camera,
    "null": _open_null,
    "standard output": _open_stdout,
    "network stream": _open_network_stream,
    "folder": _open_folder,
    "video": _open_video,
    "numbered images": _open_numbered_images,
    "image": _open_image,
}
"""Every kind of sink, with the function that opens it."""


def check_outputs(specs: Sequence[str], info: StreamInfo) -> None:
    """Check, before any sink is opened, that none would replace an input or the files of another one.

    `open_sink` checks that too, but only after the sinks before it were opened and have made files.

    Args:
        specs: The names of the sinks, as for `open_sink`.
        info: What the run reads.

    Raises:
        ArgumentError: Two sinks share a file, or a sink would replace a file that is read.
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
                raise ArgumentError(
                    f"{spec} and {other.path} would be written under the same name", "choose another name"
                )
        locks.append(lock)


def leaves_a_file(spec: str) -> bool:
    """Return whether the sink named `spec` leaves something on disk."""
    return spec.partition(":")[0] not in DEVICES and "://" not in spec and not is_stdout(spec)


def holds_one_picture(spec: str) -> bool:
    """Return whether the sink named `spec` keeps a single frame: one image, not a folder or numbered images."""
    path = Path(spec)
    is_folder = spec.endswith("/") or path.is_dir()
    is_picture = path.suffix.lower() in IMAGE_SUFFIXES_OUT and not NUMBERED.search(path.name)
    return leaves_a_file(spec) and is_picture and not is_folder


def is_stdout(spec: str) -> bool:
    """Return whether the sink named `spec` writes frames to standard output."""
    return spec in (STDOUT, RAW_STDOUT)


def keeps_every_frame(spec: str) -> bool:
    """Return whether the sink named `spec` gets every frame of a video, however long that takes."""
    return leaves_a_file(spec) or is_stdout(spec)
