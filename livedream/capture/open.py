"""How a source is opened from the words a user types."""

import operator
import os
import stat
import sys
from fractions import Fraction
from pathlib import Path

from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.hints import either
from livedream.names import NUMBERED
from livedream.quantities import exact_rate, exact_seconds
from livedream.urls import STREAMS, shown


def open_source(
    spec: str | os.PathLike[str] | int,
    *,
    size: tuple[int, int] | None = None,
    rate: Fraction | float | None = None,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
) -> Source:
    """Open a camera, a film, a stream, pictures or the screen, whose frames come one by one.

        with open_source("film.mp4", start=1.5, end=90) as source:
            for frame in source:                # frame.pixels: RGB uint8 (height, width, 3)
                ...

    Args:
        spec: what to open:
            `0` (or the number 0), `/dev/video0` or a part of a camera's name: a camera;
            `rtsp://...`, `http://...` and the like: a network camera or stream;
            the path of a film, of a picture, or of a folder of pictures;
            `photos/*.jpg`: pictures; `frames/%06d.png`: numbered pictures that are the frames of a film;
            `screen`, `screen:2` or `screen:640x480+100+50`;
            `-`: standard input (Y4M, or raw RGB with `size` and `rate`);
            `demo`: the film that comes with livedream, played as if it were a camera, which loses frames that come too
                late; `livedream.demo_clip` is its file, of which every frame is read.
        size: (width, height) in pixels, to ask of a camera, or of raw pictures on standard input. Others have their
            own.
        rate: frames per second, 0.1 to 1000, to ask of a camera or of a screen, or at which pictures follow one
            another. 29.97 means 30000/1001. Films have their own.
        start, end: the part of a film that is wanted, in seconds since it began: frames with start <= time < end. The
            first of them has the time 0. A float means the decimal number that it prints as.

    Returns:
        A `Source`: iterate over it, inside a `with` block. It knows its `size`, `rate`, `length` and whether it is
        `live`.

    Raises:
        SourceError: it is not there, or cannot be read.
        ArgumentError: `spec`, or another argument, can mean nothing.
    """
    size = None if size is None else _whole_pixels(size)
    rate = None if rate is None else exact_rate(rate)
    start = None if start is None else exact_seconds(start, "start")
    end = None if end is None else exact_seconds(end, "end")
    if isinstance(spec, int) and not isinstance(spec, bool):
        spec = str(spec)
    text = os.fspath(spec) if isinstance(spec, os.PathLike) else spec
    if not isinstance(text, str):
        raise TypeError(f"a source is named by text, a path or the number of a camera, got {type(spec).__name__}")
    if not text.strip() or "\0" in text:
        raise ArgumentError(f"no source is called {text!r}", _CHOICES)
    if start is not None or end is not None:
        return _open_part(text, start, end)

    # A Path is always a file or a folder, whatever its name.
    source = _open_by_name(text, size, rate) if isinstance(spec, str) else None
    return source or _open_path(text, size, rate)


def _open_by_name(text: str, size: tuple[int, int] | None, rate: Fraction | None) -> Source | None:
    """Open the demo, standard input, a screen, an address or the camera of a number; None for any other name."""
    if text == "demo":
        from livedream.capture.demo import DemoSource

        return DemoSource()
    if text == "-":
        return _open_pipe(text, size=size, rate=rate)
    if text.partition(":")[0] == "screen":
        from livedream.capture.live.screen import ScreenSource

        return ScreenSource(text, rate=rate)
    scheme, colon, _ = text.partition("://")
    if colon and scheme.lower() not in STREAMS:
        raise ArgumentError(f"unknown kind of address: {scheme}://", f"choose from {', '.join(STREAMS)}")
    if colon:
        from livedream.capture.live.network_stream import open_address

        return open_address(text)
    return _camera(text, size, rate) if text.isascii() and text.isdigit() else None


def _open_path(text: str, size: tuple[int, int] | None, rate: Fraction | None) -> Source:
    """Open a file, a folder, a device file or a pipe; where there is none of that name, a pattern or a camera."""
    path = Path(text)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _open_absent(text, size, rate)
    except OSError as error:  # no permission for a parent folder, or the name is too long
        raise SourceError(f"{text}: {error.strerror}", "check the name and the permissions of its folder") from error
    mode = status.st_mode
    if _is_pipe(text, mode):
        return _open_pipe(text, size=size, rate=rate)
    if stat.S_ISCHR(mode) and sys.platform == "linux" and os.major(status.st_rdev) != _VIDEO_DEVICES:
        raise SourceError(f"{text} is not a camera", "name a camera (0) or a video file")
    if stat.S_ISCHR(mode):
        return _camera(text, size, rate)
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        kind = "a socket" if stat.S_ISSOCK(mode) else "a disk"
        raise SourceError(
            f"{text} is {kind}, not a video file",
            f"name a file, or pipe a video into {either('livedream run -', 'your program and open -')}",
        )
    return _open_regular(text, rate)


def _open_regular(text: str, rate: Fraction | None) -> Source:
    """Open a file or a folder by its content."""
    from livedream.capture.kind import Kind, kind_of

    path = Path(text)
    kind = Kind.PICTURE if path.is_dir() else kind_of(path)
    if kind is Kind.PICTURE:
        from livedream.capture.images import ImagesSource

        return ImagesSource(text, rate=rate)
    if kind is Kind.ANIMATION:
        from livedream.capture.animation import AnimationSource

        return AnimationSource(path)
    from livedream.capture.gif import warn_of_damage
    from livedream.capture.video import VideoSource

    source = VideoSource(path)
    warn_of_damage(path)
    return source


def _whole_pixels(size: tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = map(operator.index, size)
    except (TypeError, ValueError) as error:
        raise TypeError(f"size must be (width, height), got {size!r}") from error
    if min(width, height) < 1:
        raise ArgumentError(f"size must be at least 1x1, got {width}x{height}", "give pixels, such as (1280, 720)")
    return width, height


def takes_size_and_rate(spec: str) -> bool:
    """Return whether `open_source` has a use for size and rate: for cameras, screens and raw pictures."""
    path = Path(spec)
    return spec != "demo" and "://" not in spec and (path.is_fifo() or not path.suffix) and not path.is_dir()


def takes_rate(spec: str) -> bool:
    """Return whether `open_source` has a use for a rate: for those that take a size, and for sets of pictures."""
    if spec == "demo" or "://" in spec:
        return False
    if Path(spec).exists():
        return Path(spec).is_dir() or takes_size_and_rate(spec)
    return takes_size_and_rate(spec) or bool(NUMBERED.search(spec) or any(letter in spec for letter in "*?["))


def takes_part(spec: str) -> bool:
    """Return whether `open_source` has a use for start and end: for films, also those of a pipe or a web server."""
    path = Path(spec)
    if "://" in spec:
        return spec.lower().startswith(("http://", "https://"))
    if spec == "-" or (path.exists() and _is_pipe(spec, path.stat().st_mode)):
        return True
    if path.is_dir() or path.is_char_device() or not (path.suffix or path.exists()):
        return False
    from livedream.capture.kind import Kind, kind_of

    return kind_of(path) is not Kind.PICTURE


_CHOICES = "name a camera (0), a film, a picture, a folder of pictures, an address (rtsp://...), screen, - or demo"


def _camera(name: str, size: tuple[int, int] | None, rate: Fraction | int | None) -> Source:
    from livedream.capture.live.camera import CameraSource

    return CameraSource(name, size=size, rate=rate)


_VIDEO_DEVICES = 81
"""The major number of video devices in Linux (Documentation/admin-guide/devices.txt)."""
_STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


def _is_pipe(text: str, mode: int) -> bool:
    return stat.S_ISFIFO(mode) or (text in _STANDARD_INPUT and (os.isatty(0) or not stat.S_ISREG(mode)))


def _open_pipe(
    text: str,
    *,
    size: tuple[int, int] | None = None,
    rate: Fraction | int | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
) -> Source:
    from livedream.capture.stdin import StdinSource, is_whole_file

    if text not in _STANDARD_INPUT:
        return StdinSource(size=size, rate=rate, path=Path(text), start=start, end=end)
    if size is None and rate is None and is_whole_file(0):  # livedream run - < film.mp4: a file like any other
        from livedream.capture.video import VideoSource

        return VideoSource(Path("/dev/stdin"), start=start, end=end)
    return StdinSource(size=size, rate=rate, start=start, end=end)


def _open_part(text: str, start: Fraction | None, end: Fraction | None) -> Source:
    if text.lower().startswith(("http://", "https://")):
        from livedream.capture.live.network_stream import open_address

        return open_address(text, start=start, end=end)
    if not takes_part(text):
        raise ArgumentError(f"{shown(text)} is no film: it has no start and end", "leave them out")
    path = Path(text)
    if text == "-" or (path.exists() and _is_pipe(text, path.stat().st_mode)):
        return _open_pipe(text, start=start, end=end)
    from livedream.capture.kind import Kind, kind_of

    kind = kind_of(path)
    if kind is Kind.ANIMATION:
        from livedream.capture.animation import AnimationSource

        return AnimationSource(path, start=start, end=end)
    from livedream.capture.video import VideoSource

    return VideoSource(path, start=start, end=end)


def _open_absent(text: str, size: tuple[int, int] | None, rate: Fraction | int | None) -> Source:
    """Open what is no file of that name: a pattern, or a camera."""
    if NUMBERED.search(Path(text).name):
        from livedream.capture.image_sequence import SequenceSource

        return SequenceSource(text, rate=rate)
    if any(letter in text for letter in "*?["):
        from livedream.capture.images import ImagesSource

        return ImagesSource(text, rate=rate)
    if text.startswith("/dev/"):
        return _camera(text, size, rate)
    if os.sep in text or "/" in text or Path(text).suffix:
        raise SourceError(f"no such file: {text}", "check the name; relative names start in the current folder")

    from livedream.capture.live.devices import describe_cameras, find_cameras

    found = find_cameras(text)
    if not found:
        example = either("livedream run demo", 'open_source("demo")')
        raise SourceError(f"neither a file nor a camera is called {text}", f"{describe_cameras()}; try {example}")
    return _camera(text, size, rate)
