"""What every sink is, and how one is opened from the words a user types."""

import dataclasses
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from livedream.documented import AbstractDocumented
from livedream.errors import ArgumentError, unknown
from livedream.frame import Frame
from livedream.names import NUMBERED
from livedream.recipe import Recipe
from livedream.side_tracks import SideTracks
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.video.codecs import CONTAINERS, Encoding
from livedream.suffixes import PICTURES_OUT

if TYPE_CHECKING:
    from livedream.sink.video.salvage import Kept
    from livedream.sink.window.placement import Placement

FILMS = tuple(CONTAINERS)
WINDOW = "window"
DEVICES = (WINDOW, "null", "virtual-camera")
"""Sinks that have a name of their own and leave nothing on disk."""
STDOUT, RAW_STDOUT = "-", "rgb24:-"
"""Frames on standard output: as Y4M, and as raw RGB."""
ADDRESSES = ("udp", "rtmp", "rtmps", "rtsp", "srt")
"""How the address begins to which frames are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """What a sink has to know of the frames before the first one comes; the words are those of a source."""

    rate: Fraction | None = None
    """Frames per second, None where nobody knows."""
    size: tuple[int, int] | None = None
    """(width, height) of the frames in pixels, None where nobody knows."""
    live: bool = False
    """True when frames come whether they are wanted or not; a film is then encoded fast rather than small."""
    stills: bool = False
    """True when each frame is a picture of its own."""
    length: int | None = None
    """How many frames are expected."""
    time_base: Fraction = Fraction(1, 90000)
    """The unit of the times, in seconds."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    sound: Path | SideTracks | None = None
    """The file whose sound belongs to the frames, or what gives it where that is no file."""
    lost_sound: str = ""
    """What to say of sound that belongs to the frames and cannot be carried along."""
    tells_lost_sound: bool = True
    """Whether that is said at all."""
    start: Fraction = Fraction(0)
    """What the clock of the `sound` file shows at time 0."""
    until: Fraction | None = None
    """The time at which the sound ends too, when only a part of a film is wanted; None for all of it."""
    picture_track: int | None = None
    """The index of the track in that file which the frames are read from; None where it is no film."""
    path: Path | None = None
    """The file or folder that the frames are read from; no sink writes there."""
    files: Sequence[Path] = ()
    """The files that the frames are read from, which no sink replaces."""
    also_read: Mapping[Path, str] = field(default_factory=dict)
    """The other files that the run reads, with what they are: "the preset"."""

    @classmethod
    def of(cls, source: object, also_read: Mapping[Path, str] | None = None) -> Self:
        """Return the facts about `source`: anything with attributes of these names, such as a livedream source.

        also_read: what else the run reads, see there.
        """
        names = [field.name for field in dataclasses.fields(cls) if field.name not in ("also_read", "tells_lost_sound")]
        try:
            return cls(**{name: getattr(source, name) for name in names}, also_read=also_read or {})
        except AttributeError as error:
            raise TypeError(f"facts must be a source that open_source returned, got {type(source).__name__}") from error

    def inputs(self) -> Inputs:
        """Return what the run reads, as it is now."""
        places = [place for place in (self.path, self.sound) if isinstance(place, Path)]
        return Inputs([*self.files, *places], self.also_read)


class DescribesFrames(Protocol):
    """What says of itself what a sink has to know, as a Source does: with the other attributes of `StreamInfo` too."""

    rate: Fraction | None
    live: bool
    length: int | None


class Sink(metaclass=AbstractDocumented):
    """Where frames go: `write` them in order of time, inside a `with` block. `open_sink` returns one.

        with open_sink("dream.mp4", source) as sink:
            sink.write(frame)

    Errors of the outside world are SinkErrors. One thread at a time calls a sink; a window, only the main thread.

    Attributes:
        name (str): what was opened.
        notice (str or None): what is wrong at the moment, such as a lost connection; None when all is well.
    """

    _machinery = (
        *("cut_short", "end", "given_up", "idle", "live", "notice", "on_main_thread", "recipe", "source_ended_early"),
    )
    """What `help` does not list: values that mean nothing in a class, and what is for other parts of livedream."""

    name: str
    """What was opened, for the first line of output."""
    live: bool = False
    """True when only the newest frame is of use (window); False when each frame counts (file)."""
    on_main_thread: bool = False
    """True when it works on the main thread alone: windows."""
    notice: str | None = None
    """What somebody ought to know about it just now ("no connection, try 3"); None when all is well."""
    given_up: bool = False
    """True when a thread hangs in it for good, as in a device that never answers: nobody may call it any more."""
    cut_short: bool = False
    """True when the run has ended by an error or because somebody stopped it, set before `close`."""
    recipe: Recipe | None = None
    """How its frames are made, set before the first one. Films and pictures carry it inside; for a series of pictures
    there is a TOML file besides. None: nothing is written of it."""

    source_ended_early: bool = False
    """Set before `end` when the source had fewer frames than its header says: what is written is not complete."""

    @property
    def finished(self) -> bool:
        """True once it takes no more frames and nothing is wrong: the window was closed. It ignores further frames."""
        return False

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Take one frame. Raises SinkError when it is lost."""

    def idle(self) -> None:
        """Called some thirty times a second while no frame comes; a window answers its keys here."""

    def end(self) -> None:
        """The source has ended and no frame is missing: write what belongs after the last frame."""

    @abstractmethod
    def close(self) -> None:
        """Leave everything written so far in a valid state and let go of it. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_short = self.cut_short or error is not None
        if not self.given_up:
            self.close()


class ResumableSink(Sink):
    """A sink with whose half-written output another run can go on."""

    @abstractmethod
    def resumable(self) -> None:
        """Be such a sink, from before the first frame: without `end`, what is written keeps the name of its part."""

    @abstractmethod
    def write_key(self, frame: Frame) -> None:
        """Write a frame with which a group of pictures begins: it needs none before it, nor do they need it.

        What has left the encoder until then is brought to the disk.
        """


def open_sink(
    spec: str | os.PathLike[str],
    info: "StreamInfo | DescribesFrames | None" = None,
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
    if isinstance(spec, str) and text == WINDOW:
        from livedream.sink.window.window_sink import WindowSink

        return WindowSink(pixel_aspect=info.pixel_aspect, placement=placement)
    if isinstance(spec, str) and text == "null":
        from livedream.sink.null import NullSink

        return NullSink()
    if isinstance(spec, str) and is_stdout(text):
        from livedream.sink.stdout import StdoutSink

        return StdoutSink(text, info)
    if isinstance(spec, str) and text.partition(":")[0] == "virtual-camera":
        from livedream.sink.virtual_camera import VirtualCameraSink

        return VirtualCameraSink(text.partition(":")[2] or None, info)
    if isinstance(spec, str) and "://" in text:
        if text.partition("://")[0].lower() not in ADDRESSES:
            raise ArgumentError(
                f"nothing is sent to {text.partition('://')[0]}://", f"choose from {', '.join(ADDRESSES)}"
            )
        from livedream.sink.network_stream import NetworkSink

        return NetworkSink(text, info)

    path = Path(text)
    suffix = path.suffix.lower()
    if not text.strip():
        raise ArgumentError("a sink without a name", f"choose from {', '.join(_CHOICES)}")
    is_folder = text.endswith(("/", os.sep)) or path.is_dir()
    if not is_folder and suffix not in FILMS + PICTURES_OUT:
        if suffix:
            raise ArgumentError(f"unknown kind of file: {suffix}", f"choose from {', '.join(FILMS + PICTURES_OUT)}")
        raise unknown("sink", text, _CHOICES)
    if is_folder:
        from livedream.sink.images import ImagesSink

        return ImagesSink(path, info, overwrite=overwrite)
    if suffix in PICTURES_OUT and NUMBERED.search(path.name):
        from livedream.sink.numbered import NumberedSink

        return NumberedSink(path, info, overwrite=overwrite)
    if suffix in FILMS:
        from livedream.sink.video.video_sink import VideoSink

        return VideoSink(path, info, encoding=encoding, overwrite=overwrite, lock=lock, kept=kept)
    if info.stills and info.length and info.length > 1:
        raise ArgumentError(f"{info.length} pictures do not go into {text}", "name a folder: out/, or a film: out.mp4")
    from livedream.sink.images import ImageSink

    return ImageSink(path, info, overwrite=overwrite)


def check_outputs(specs: Sequence[str], info: StreamInfo) -> None:
    """Raise ArgumentError when one of the sinks that `specs` mean would write what is read, or another one's files.

    `open_sink` sees that too, but when those before it are open, and files of theirs are made.
    """
    inputs = info.inputs()
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
    is_picture = path.suffix.lower() in PICTURES_OUT and not NUMBERED.search(path.name)
    return leaves_a_file(spec) and is_picture and not is_folder


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
