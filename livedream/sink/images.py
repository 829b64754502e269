"""Frames as pictures: one file, or a folder with one file a frame."""

from os import PathLike
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.recipe import TABLE, Recipe
from livedream.sink.beside import recipe_path, write_beside
from livedream.sink.part import PartFile, check_new
from livedream.sink.sink import Sink

OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 90},
    ".tif": {"compression": "tiff_deflate"},
    ".tiff": {"compression": "tiff_deflate"},
    ".png": {"compress_level": 3},  # a third of the time of the default 6, files a few per cent larger
}
"""How each kind of picture is written; the kinds there are."""


class ImagesSink(Sink):
    """One PNG a frame in a folder: 000000.png, 000001.png, in the order in which they come.

    folder: is made if it is not there; the folder around it must be.
    Raises SinkError when there are pictures of that kind in it already, unless `overwrite`.
    """

    def __init__(self, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
        self.folder = Path(folder)
        self.name = f"{self.folder}/"
        self.count = 0
        self._ended = self._closed = False
        try:
            self.folder.mkdir(exist_ok=True)
            for old in self.folder.glob("[0-9]*.png"):
                check_new(old, overwrite)
        except OSError as error:
            raise SinkError(f"{self.folder}: {error.strerror}", "name another folder") from error
        PartFile(self.folder / "000000.png", overwrite=overwrite).discard()  # can it be written at all?

    def write(self, frame: Frame) -> None:
        part = PartFile(self.folder / f"{self.count:06d}.png", overwrite=True)
        try:
            save(frame, part, self.recipe)
        finally:
            part.discard()
        self.count += 1

    def end(self) -> None:
        self._ended = True

    def close(self) -> None:
        if self.count and not self._closed:
            complete = self._ended and not self.source_ended_early
            write_beside(recipe_path(self.folder, folder=True), self.recipe, frames=self.count, complete=complete)
        self._closed = True


class PictureSink(Sink):
    """The first frame that comes, in a file of the kind that its name says; then it is finished.

    Raises SinkError when the file is there already, unless `overwrite`.
    """

    def __init__(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.name = str(self.path)
        self._written = False
        self._part = PartFile(self.path, overwrite=overwrite)

    @property
    def finished(self) -> bool:
        return self._written

    def write(self, frame: Frame) -> None:
        if not self._written:
            save(frame, self._part, self.recipe)
            self._written = True
            write_beside(recipe_path(self.path), self.recipe, frames=1, complete=True)

    def close(self) -> None:
        self._part.discard()


def save(frame: Frame, part: PartFile, recipe: Recipe | None) -> None:
    """Write one frame into a file and give it its name. Raises SinkError."""
    path = part.path
    options = OPTIONS[path.suffix.lower()]
    if recipe is not None and path.suffix.lower() == ".png":
        options = {**options, "pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_text(TABLE, recipe.text())
    try:
        Image.fromarray(frame.pixels).save(part.part, **options)
    except (OSError, ValueError) as error:  # ValueError: more pixels than this kind of file can hold
        reason = getattr(error, "strerror", None) or error
        raise SinkError(f"{path} cannot be written: {reason}", "make room, or choose another place") from error
    part.finish()
