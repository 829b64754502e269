"""The factory of sources: opens whatever a user names."""

import operator
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.hints import either
from livedream.names import NUMBERED
from livedream.quantities import exact_rate, exact_seconds
from livedream.urls import STREAMS, redact, register_secrets

_CHOICES = "name a camera (0), a video, an image, a folder of images, an address (rtsp://...), screen, - or demo"
_VIDEO_DEVICES = 81
"""The major number of video devices on Linux (Documentation/admin-guide/devices.txt)."""
_STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


@dataclass(frozen=True, slots=True)
class _Request:
    """What `open_source` was asked for, validated."""

    spec: str
    size: tuple[int, int] | None = None
    """(width, height) in pixels."""
    rate: Fraction | None = None
    start: Fraction | None = None
    end: Fraction | None = None

    @property
    def is_part(self) -> bool:
        return self.start is not None or self.end is not None


def open_source(
    spec: str | os.PathLike[str] | int,
    *,
    size: tuple[int, int] | None = None,
    rate: Fraction | float | None = None,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
) -> Source:
    """Open a camera, a video, a stream, images or the screen. The source yields frames one by one.

        with open_source("film.mp4", start=1.5, end=90) as source:
            for frame in source:                # frame.pixels: RGB uint8 (height, width, 3)
                ...

    Args:
        spec: what to open:
            `0` (or the number 0), `/dev/video0` or a part of a camera's name: a camera;
            `rtsp://...`, `http://...` and the like: a network camera or stream;
            the path of a video, of an image, or of a folder of images;
            `photos/*.jpg`: images; `frames/%06d.png`: numbered images that are the frames of a video;
            `screen`, `screen:2` or `screen:640x480+100+50`;
            `-`: standard input (Y4M, or raw RGB with `size` and `rate`);
            `demo`: the video that comes with livedream, played like a camera, which drops frames that are taken too
                late; to read every frame, open the file `livedream.demo_clip`.
        size: (width, height) in pixels to request from a camera, or of raw frames on standard input. Other sources
            have their own size.
        rate: frames per second, 0.1 to 1000, to request from a camera or the screen, or at which images follow one
            another. 29.97 means 30000/1001. Videos have their own rate.
        start: where to begin in a video, in seconds: only frames with start <= time < end are read, and the first of
            them gets the time 0. A float means the decimal number that it prints as.
        end: where to stop, in seconds of the video.

    Returns:
        A `Source`: iterate over it inside a `with` block. It knows its `size`, `rate`, `length` and whether it is
        `live`.

    Raises:
        SourceError: it does not exist or cannot be read.
        ArgumentError: `spec` or another argument is invalid.
    """
    request = _Request(
        _text_of(spec),
        None if size is None else _whole_pixels(size),
        None if rate is None else exact_rate(rate),
        None if start is None else exact_seconds(start, "start"),
        None if end is None else exact_seconds(end, "end"),
    )
    if request.is_part:
        return OPENERS[_kind_of_part(request.spec)](_Request(request.spec, start=request.start, end=request.end))
    kind = None if isinstance(spec, os.PathLike) else _kind_of_name(request.spec)  # a Path is always a file or folder
    return OPENERS[kind or _kind_of_path(request.spec)](request)


def _text_of(spec: str | os.PathLike[str] | int) -> str:
    if isinstance(spec, int) and not isinstance(spec, bool):
        spec = str(spec)
    text = os.fspath(spec) if isinstance(spec, os.PathLike) else spec
    if not isinstance(text, str):
        raise TypeError(f"spec must be a string, a path or the number of a camera, got {type(spec).__name__}")
    if not text.strip() or "\0" in text:
        raise ArgumentError(f"invalid source {text!r}", _CHOICES)
    return text


def _whole_pixels(size: tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = map(operator.index, size)
    except (TypeError, ValueError) as error:
        raise TypeError(f"size must be (width, height), got {size!r}") from error
    if min(width, height) < 1:
        raise ArgumentError(f"size must be at least 1x1, got {width}x{height}", "give pixels, such as (1280, 720)")
    return width, height


# Which kind of source a spec names ----------------------------------------------------------------------------------


def _kind_of_name(text: str) -> str | None:
    """Return the kind of source that `text` names by its form alone, None where it may be a path."""
    if text == "demo":
        return "demo"
    if text == "-":
        return "stdin"
    if text.partition(":")[0] == "screen":
        return "screen"
    scheme, colon, _ = text.partition("://")
    if colon and scheme.lower() not in STREAMS:
        raise ArgumentError(f"unsupported protocol: {scheme}://", f"choose from {', '.join(STREAMS)}")
    if colon:
        return "network"
    return "camera" if text.isascii() and text.isdigit() else None


def _kind_of_path(text: str) -> str:
    """Return the kind of source at a path. Raises SourceError."""
    path = Path(text)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _kind_of_absent(text)
    except OSError as error:  # a parent folder is not readable, or the name is too long
        raise SourceError(f"{text}: {error.strerror}", "check the name and the permissions of the folder") from error
    mode = status.st_mode
    if _is_pipe(text, mode):
        return "stdin"
    if stat.S_ISCHR(mode):
        if sys.platform == "linux" and os.major(status.st_rdev) != _VIDEO_DEVICES:
            raise SourceError(f"{text} is not a camera", "name a camera (0) or a video")
        return "camera"
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        what = "a socket" if stat.S_ISSOCK(mode) else "a disk"
        raise SourceError(
            f"{text} is {what}, not a video",
            f"name a file, or pipe a video into {either('livedream run -', 'your program and open -')}",
        )
    return "image" if stat.S_ISDIR(mode) else _kind_of_file(path)


def _kind_of_file(path: Path) -> str:
    from livedream.capture.kind import kind_of

    return kind_of(path).value


def _kind_of_absent(text: str) -> str:
    """Return the kind of source for a name that is not a file: a pattern or a camera. Raises SourceError."""
    if NUMBERED.search(Path(text).name):
        return "image sequence"
    if any(letter in text for letter in "*?["):
        return "image"
    if text.startswith("/dev/"):
        return "camera"
    if os.sep in text or "/" in text or Path(text).suffix:
        raise SourceError(f"no such file: {text}", "check the name; relative names start in the current folder")

    from livedream.capture.live.devices import describe_cameras, find_cameras

    if not find_cameras(text):
        example = either("livedream run demo", 'open_source("demo")')
        raise SourceError(f"no file or camera is called {text}", f"{describe_cameras()}; try {example}")
    return "camera"


def _kind_of_part(text: str) -> str:
    """Return the kind of source of which a part is wanted. Raises ArgumentError where it has no parts."""
    if text.lower().startswith(("http://", "https://")):
        return "network"
    if not takes_part(text):
        raise ArgumentError(f"{redact(text)} is not a video: start and end do not apply", "leave them out")
    path = Path(text)
    if text == "-" or (path.exists() and _is_pipe(text, path.stat().st_mode)):
        return "stdin"
    return _kind_of_file(path)


def _is_pipe(text: str, mode: int) -> bool:
    return stat.S_ISFIFO(mode) or (text in _STANDARD_INPUT and (os.isatty(0) or not stat.S_ISREG(mode)))


# Which options a spec takes ------------------------------------------------------------------------------------------


def takes_size_and_rate(spec: str) -> bool:
    """Return whether `open_source` uses size and rate: for cameras, screens and raw frames."""
    path = Path(spec)
    return spec != "demo" and "://" not in spec and (path.is_fifo() or not path.suffix) and not path.is_dir()


def takes_rate(spec: str) -> bool:
    """Return whether `open_source` uses a rate: where it uses a size, and for sets of images."""
    if spec == "demo" or "://" in spec:
        return False
    if Path(spec).exists():
        return Path(spec).is_dir() or takes_size_and_rate(spec)
    return takes_size_and_rate(spec) or bool(NUMBERED.search(spec) or any(letter in spec for letter in "*?["))


def takes_part(spec: str) -> bool:
    """Return whether `open_source` uses start and end: for videos, also from a pipe or a web server."""
    path = Path(spec)
    if "://" in spec:
        return spec.lower().startswith(("http://", "https://"))
    if spec == "-" or (path.exists() and _is_pipe(spec, path.stat().st_mode)):
        return True
    if path.is_dir() or path.is_char_device() or not (path.suffix or path.exists()):
        return False
    return _kind_of_file(path) != "image"


# How each kind is opened. Imports are local: some are slow or need a library. -----------------------------------------


def _open_demo(_: _Request) -> Source:
    from livedream.capture.demo import DemoSource

    return DemoSource()


def _open_stdin(request: _Request) -> Source:
    from livedream.capture.stdin import StdinSource, is_whole_file

    size, rate, start, end = request.size, request.rate, request.start, request.end
    if request.spec not in _STANDARD_INPUT:
        return StdinSource(size=size, rate=rate, path=Path(request.spec), start=start, end=end)
    if size is None and rate is None and is_whole_file(0):  # livedream run - < film.mp4: a file like any other
        from livedream.capture.video import VideoSource

        return VideoSource(Path("/dev/stdin"), start=start, end=end)
    return StdinSource(size=size, rate=rate, start=start, end=end)


def _open_screen(request: _Request) -> Source:
    from livedream.capture.live.screen import ScreenSource

    return ScreenSource(request.spec, rate=request.rate)


def _open_network(request: _Request) -> Source:
    from livedream.capture.live.network_stream import open_address

    register_secrets(request.spec)
    return open_address(request.spec, start=request.start, end=request.end)


def _open_camera(request: _Request) -> Source:
    from livedream.capture.live.camera import CameraSource

    return CameraSource(request.spec, size=request.size, rate=request.rate)


def _open_image(request: _Request) -> Source:
    from livedream.capture.images import ImagesSource

    return ImagesSource(request.spec, rate=request.rate)


def _open_image_sequence(request: _Request) -> Source:
    from livedream.capture.image_sequence import ImageSequenceSource

    return ImageSequenceSource(request.spec, rate=request.rate)


def _open_animation(request: _Request) -> Source:
    from livedream.capture.animation import AnimationSource

    return AnimationSource(Path(request.spec), start=request.start, end=request.end)


def _open_video(request: _Request) -> Source:
    from livedream.capture.gif import warn_of_damage
    from livedream.capture.video import VideoSource

    path = Path(request.spec)
    source = VideoSource(path, start=request.start, end=request.end)
    if not request.is_part:
        warn_of_damage(path)
    return source


OPENERS: dict[str, Callable[[_Request], Source]] = {
    "animation": _open_animation,
    "camera": _open_camera,
    "demo": _open_demo,
    "image": _open_image,
    "image sequence": _open_image_sequence,
    "network": _open_network,
    "screen": _open_screen,
    "stdin": _open_stdin,
    "video": _open_video,
}
"""How each kind of source is opened. `Kind` of `livedream.capture.kind` has the same words for files."""
