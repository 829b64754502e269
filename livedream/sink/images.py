"""Writes frames as images: one file, or a folder with one file per frame."""

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
from livedream.formats.frame_time import FrameTime
from livedream.formats.image_recipe import LARGEST, recipe_in, recipe_options
from livedream.formats.pixel_aspect import options_for, stamped
from livedream.formats.suffixes import SAVE_OPTIONS
from livedream.frame import Frame
from livedream.recipe import TABLE, Recipe, about, in_ascii, without_end
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.names import frame_path, recipe_in_folder
from livedream.sink.partial_file import PartialFile, check_new, write_whole
from livedream.sink.sidecar import is_untouched, write_beside
from livedream.sink.sink import Sink
from livedream.stream_info import StreamInfo
from livedream.untrusted import read_text

log = logging.getLogger(__name__)


class FramesSink(Sink):
    """Writes one image per frame, numbered from 0, and one recipe beside them all.

    Frames of a video carry its rate and their time, so that `ImageSequenceSource` makes the same video of them. At the
    end the surplus images of an earlier, longer run are removed if the recipe that it left proves that they are its
    own; others are reported. Raises as `PartialFile` does.

    Args:
        name: What was opened.
        lock: The lock of the output, which the sink releases.
        recipe_file: The path of the recipe.
        info: What is known about the frames.
        overwrite: Whether existing images may be replaced.
    """

    def __init__(self, name: str, lock: OutputLock, recipe_file: Path, info: StreamInfo, *, overwrite: bool) -> None:
        self.name = name
        self.count = 0
        """How many images are written."""
        self._lock = lock
        self._recipe_file = recipe_file
        self._info = info
        self._inputs = Inputs.of(info)
        self._overwrite = overwrite
        self._ended = self._closed = False

    @abstractmethod
    def _path(self, number: int) -> Path:
        """Return the path of the image with that number."""

    @abstractmethod
    def _existing(self) -> list[tuple[int, Path]]:
        """Return the images with such names that exist already, with their numbers."""

    def _begin(self) -> None:
        """Take the lock. Raises SinkError when such images exist already and must not be replaced."""
        try:
            self._lock.acquire()
            self._lock.sweep()
            for _, old in sorted(self._existing()):
                check_new(old, self._overwrite)
        except BaseException:
            self._release()
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
                remove_surplus(self._existing(), self._recipe_file, self.count, ended=self._ended)
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
            self._release()

    def _release(self) -> None:
        self._lock.release()


class ImagesSink(FramesSink):
    """Writes one PNG per frame into a folder: 000000.png, 000001.png and so on.

    Args:
        folder: Where to write. It is created if needed; its parent must exist.
        info: What is known about the frames.
        overwrite: Whether existing images may be replaced.

    Raises:
        SinkError: The folder contains such images already, or another run writes into it.
        ArgumentError: A file that the run reads would be replaced.
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

    def _existing(self) -> list[tuple[int, Path]]:
        paths = [path for path in self.folder.glob("[0-9]*.png") if path.stem.isascii() and path.stem.isdigit()]
        return [(int(path.stem), path) for path in paths]

    def _release(self) -> None:
        super()._release()
        if self._is_new and not self.count:
            with contextlib.suppress(OSError):  # it contains something else by now
                self.folder.rmdir()


class ImageSink(Sink):
    """Writes the first frame into an image file; then it is finished.

    Args:
        path: The file. Its suffix determines the type.
        info: What is known about the frames.
        overwrite: Whether an existing file may be replaced.

    Raises:
        SinkError: The file exists already, or another run writes it.
        ArgumentError: A file that the run reads would be replaced.
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


def remove_surplus(images: Iterable[tuple[int, Path]], recipe: Path, count: int, *, ended: bool) -> None:
    """Remove the images after the last frame that an earlier run is known to have made, and report the others.

    Args:
        images: The images that exist, with their numbers.
        recipe: The file in which the earlier run left its recipe.
        count: How many images this run has written.
        ended: Whether this run came to its end.
    """
    surplus = sorted((number, path) for number, path in images if number >= count)
    if ended and surplus and (old := _read_recipe(recipe)):
        for number, path in surplus[:]:
            if number < old["frames"] and without_end(_embedded_recipe(path)) == old["recipe"]:
                with contextlib.suppress(OSError):  # it stays then, and is reported
                    path.unlink()
                    surplus.remove((number, path))
    if surplus:
        first, *others = (path for _, path in surplus)
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
    """Write one frame into the file `path`, see `encode`. Raises SinkError and ArgumentError as `PartialFile` does."""
    write_whole(path, encode(frame, path, recipe, info), lock, overwrite=overwrite, inputs=inputs)


def encode(frame: Frame, path: Path, recipe: Recipe | None = None, info: StreamInfo | None = None) -> bytes:
    """Return one frame as the content of the image file `path`.

    It is encoded in memory, because encoders ignore that a disk is full. It states the pixel aspect ratio and carries
    the recipe; a PNG also carries its time in a video.

    Args:
        frame: The frame to encode.
        path: The file; its suffix determines the type.
        recipe: How the frame was made; None embeds no recipe.
        info: What is known about the frames.

    Raises:
        SinkError: That type of file cannot hold the frame.
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
            log.warning("%s carries no recipe: it has %d bytes, at most %d fit", path, len(comment), LARGEST)
    buffer = io.BytesIO()
    kind = Image.registered_extensions()[suffix]
    try:
        Image.fromarray(frame.pixels).save(buffer, kind, **options)
    except (OSError, ValueError, RuntimeError, OverflowError, struct.error) as error:  # too many pixels for this type
        raise SinkError(f"{path} cannot be written: {error}", "choose another type of file") from error
    return stamped(buffer.getvalue(), info.pixel_aspect)


def _time(frame: Frame, info: StreamInfo) -> Mapping[str, str]:
    """Return what a PNG says about the time of a frame; nothing for still images."""
    if info.stills:
        return {}
    tick = info.time_base
    if frame.time % tick:  # the source stated another time base
        tick = Fraction(1, frame.time.denominator)
    return FrameTime(frame.time, tick, info.rate, frame.duration).texts()


def _read_recipe(path: Path) -> dict[str, Any]:
    """Return the `recipe` in the file `path` and how many `frames` it made; empty if the file was edited."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError):
        return {}
    frames = about(text).get("frames")
    if not is_untouched(text) or not isinstance(frames, int):
        return {}
    return {"recipe": without_end(text), "frames": frames}


def _embedded_recipe(path: Path) -> str:
    """Return the recipe in an image; "" when there is none."""
    try:
        return recipe_in(path)
    except SourceError:
        return ""
