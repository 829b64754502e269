"""Frames as pictures: one file, or a folder with one file a frame."""

import contextlib
import io
import logging
import struct
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from livedream.errors import SinkError, SourceError
from livedream.frame import Frame
from livedream.frame_time import FrameTime
from livedream.image_recipe import LARGEST, recipe_in, recipe_options
from livedream.pixel_aspect import options_for, stamped
from livedream.recipe import TABLE, Recipe, about, in_ascii, without_end
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.names import frame_path, recipe_in_folder
from livedream.sink.partial_file import PartialFile, check_new, write_whole
from livedream.sink.sidecar import is_untouched, write_beside
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo
from livedream.suffixes import SAVE_OPTIONS
from livedream.untrusted import read_text

log = logging.getLogger(__name__)


class FramesSink(Sink):
    """One picture a frame, each with a number in its name, from 0 on, and one recipe beside them all.

    Those of a film carry its rate and their time: `ImageSequenceSource` makes the same film of them. The last ones
    of an earlier, longer run are removed at the end if `overwrite`, as far as the recipe that it left proves that they
    are its own; others are reported.

    lock: of the output, which the sink releases. Raises what PartialFile raises.
    """

    def __init__(self, name: str, lock: OutputLock, recipe_file: Path, info: StreamInfo, *, overwrite: bool) -> None:
        self.name = name
        self.count = 0
        """How many pictures are written."""
        self._lock = lock
        self._recipe_file = recipe_file
        self._info = info
        self._inputs = Inputs.of(info)
        self._overwrite = overwrite
        self._ended = self._closed = False

    @abstractmethod
    def _path(self, number: int) -> Path:
        """Return the file of the picture of that number."""

    @abstractmethod
    def _there(self) -> list[tuple[int, Path]]:
        """Return the pictures of such names that are there, with their numbers."""

    def _begin(self) -> None:
        """Take the lock. Raises SinkError when there are such pictures already that must not be replaced."""
        try:
            self._lock.acquire()
            self._lock.sweep()
            for _, old in sorted(self._there()):
                check_new(old, self._overwrite)
        except BaseException:
            self._let_go()
            raise

    def write(self, frame: Frame) -> None:
        path = self._path(self.count)
        save(frame, path, self._lock, self.recipe, self._info, overwrite=self._overwrite, inputs=self._inputs)
        self.count += 1

    def end(self) -> None:
        self._ended = True

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self.count:
                drop_leftovers(self._there(), self._recipe_file, self.count, ended=self._ended)
                write_beside(
                    self._recipe_file,
                    self.recipe,
                    self._lock,
                    frames=self.count,
                    complete=self._ended and not self.source_ended_early,
                    overwrite=self._overwrite,
                    inputs=self._inputs,
                )
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._lock.release()


class ImagesSink(FramesSink):
    """One PNG a frame in a folder: 000000.png, 000001.png, in the order in which they come.

    folder: is made if it is not there; the folder around it must be. facts: what is known of the frames.

    Raises SinkError when there are pictures of that kind in it already, unless `overwrite`, and when another run writes
    into it. Raises ArgumentError when a file that is read would be replaced.
    """

    def __init__(self, folder: str | PathLike[str], info: StreamInfo | None = None, *, overwrite: bool = False) -> None:
        self.folder = Path(folder)
        lock, recipe_file = OutputLock(self.folder, folder=True), recipe_in_folder(self.folder)
        super().__init__(f"{self.folder}/", lock, recipe_file, info or StreamInfo(), overwrite=overwrite)
        self._inputs.refuse_output(self.folder, folder=True)
        self._is_new = not self.folder.exists()
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SinkError(f"{self.folder}: {error.strerror}", "name another folder") from error
        self._begin()

    def _path(self, number: int) -> Path:
        return frame_path(self.folder, number)

    def _there(self) -> list[tuple[int, Path]]:
        paths = [path for path in self.folder.glob("[0-9]*.png") if path.stem.isascii() and path.stem.isdigit()]
        return [(int(path.stem), path) for path in paths]

    def _let_go(self) -> None:
        super()._let_go()
        if self._is_new and not self.count:
            with contextlib.suppress(OSError):  # something else is in it by now
                self.folder.rmdir()


class ImageSink(Sink):
    """The first frame that comes, in a file of the kind that its name says; then it is finished.

    facts: what is known of the frames. Raises SinkError when the file is there already, unless `overwrite`, and when
    another run writes it. Raises ArgumentError when a file that is read would be replaced.
    """

    def __init__(self, path: str | PathLike[str], info: StreamInfo | None = None, *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.name = str(self.path)
        self._written = False
        self._overwrite = overwrite
        self._info = info or StreamInfo()
        self._inputs = Inputs.of(self._info)
        self._inputs.refuse_output(self.path)
        self._lock = OutputLock(self.path).acquire()
        try:
            self._part = PartialFile(self.path, self._lock, overwrite=overwrite, inputs=self._inputs)
        except BaseException:
            self._lock.release()
            raise

    @property
    def finished(self) -> bool:
        return self._written

    def write(self, frame: Frame) -> None:
        if not self._written:
            info = StreamInfo(pixel_aspect=self._info.pixel_aspect)
            self._part.write(encode(frame, self.path, self.recipe, info))
            self._part.finish()
            self._written = True

    def close(self) -> None:
        self._part.discard()
        self._lock.release()


def drop_leftovers(pictures: Iterable[tuple[int, Path]], recipe: Path, count: int, *, ended: bool) -> None:
    """Remove the pictures that follow the last one, if the earlier run is known to have made them; report what stays.

    pictures: those that are there, with their numbers. recipe: where the earlier run left its own. count: how many this
    run has written. ended: whether it came to its end.
    """
    left = sorted((number, path) for number, path in pictures if number >= count)
    if ended and left and (old := _made_by(recipe)):
        for number, path in left[:]:
            if number < old["frames"] and without_end(_carried(path)) == old["recipe"]:
                with contextlib.suppress(OSError):  # it stays then, and is reported
                    path.unlink()
                    left.remove((number, path))
    if left:
        first, *others = (path for _, path in left)
        more = f" and {len(others)} more" if others else ""
        log.warning(
            "%s%s follow%s the last frame of this run, and %s",
            first,
            more,
            "" if others else "s",
            "are left as they are" if others else "is left as it is",
        )


def save(
    frame: Frame,
    path: Path,
    lock: OutputLock,
    recipe: Recipe | None = None,
    info: StreamInfo | None = None,
    *,
    overwrite: bool = False,
    inputs: Inputs | None = None,
) -> None:
    """Write one frame into the file `path`, see `encode`. Raises SinkError, and ArgumentError as PartialFile does."""
    write_whole(path, encode(frame, path, recipe, info), lock, overwrite=overwrite, inputs=inputs)


def encode(frame: Frame, path: Path, recipe: Recipe | None = None, info: StreamInfo | None = None) -> bytes:
    """Return one frame as what is to be in the file `path`: in memory, for encoders pass over a disk that is full.

    It says which shape its pixels have, and carries the recipe; a PNG also its time in a film of known rate.
    Raises SinkError when that kind of file cannot hold the frame.
    """
    info = info or StreamInfo()
    suffix = path.suffix.lower()
    options = {**SAVE_OPTIONS[suffix], **options_for(suffix, info.pixel_aspect)}
    text = recipe.text() if recipe else ""
    if suffix == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        for name, value in {**({TABLE: text} if text else {}), **_time(frame, info)}.items():
            options["pnginfo"].add_text(name, value)
    elif text:
        comment = in_ascii(text)
        if len(comment) <= LARGEST:
            options |= recipe_options(suffix, comment, options.get("exif"))
        else:
            log.warning("%s carries no recipe: it has %d bytes, and %d fit in", path, len(comment), LARGEST)
    buffer = io.BytesIO()
    kind = Image.registered_extensions()[suffix]
    try:
        Image.fromarray(frame.pixels).save(buffer, kind, **options)
    except (OSError, ValueError, RuntimeError, OverflowError, struct.error) as error:  # more pixels than it can hold
        raise SinkError(f"{path} cannot be written: {error}", "choose another kind of file") from error
    return stamped(buffer.getvalue(), info.pixel_aspect)


def _time(frame: Frame, info: StreamInfo) -> Mapping[str, str]:
    """Return what a PNG says about the time of a frame; nothing for pictures that are no film."""
    if info.stills:
        return {}
    tick = info.time_base
    if frame.time % tick:  # of a source that promised otherwise
        tick = Fraction(1, frame.time.denominator)
    return FrameTime(frame.time, tick, info.rate, frame.duration).texts()


def _made_by(path: Path) -> dict[str, Any]:
    """Return the recipe in the file `path` and how many `frames` it made; empty unless it is as livedream wrote it."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError):
        return {}
    frames = about(text).get("frames")
    if not is_untouched(text) or not isinstance(frames, int):
        return {}
    return {"recipe": without_end(text), "frames": frames}


def _carried(path: Path) -> str:
    """Return the recipe in a picture; empty when there is none."""
    try:
        return recipe_in(path)
    except SourceError:
        return ""
