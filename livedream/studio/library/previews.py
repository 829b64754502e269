"""Small pictures of the files of the library."""

import io
import logging
import threading
from pathlib import Path

from PIL import Image

from livedream.errors import SourceError
from livedream.image import read_image
from livedream.studio.library.errors import UndecodableError
from livedream.studio.library.files import Files
from livedream.studio.library.inspector import inspect_file
from livedream.studio.library.messages import with_names

log = logging.getLogger(__name__)

SIDE = 320
"""Pixels of the longer side."""
_turn = threading.Lock()
"""One at a time: a page asks for all of them at once, and the live dream needs the processor."""


def preview_of(files: Files, id: str) -> bytes:
    """Return a small JPEG of a file; it is made at the first time.

    Raises:
        UnknownThingError: there is no such file.
        UndecodableError: it cannot be decoded.
    """
    with _turn:
        kept = files.preview(id)
        if kept is not None:
            return kept
        entry, path = files.find(id)
        if files.is_film(id) or entry.kind == "upload":
            _, preview = inspect_file(path, entry.type, entry.name)
        else:  # a picture of our own, of which a process of its own would take ten times as long: 0.5 s
            preview = _shrunk(path, entry.name)
        try:
            files.keep_preview(id, preview)
        except OSError as error:
            log.warning("the preview of %s cannot be kept: %s", entry.name, error.strerror)
        return preview


def _shrunk(path: Path, name: str) -> bytes:
    """Return a small JPEG of the picture at `path`. Raises UndecodableError."""
    try:
        picture = Image.fromarray(read_image(path))
    except SourceError as error:
        names = {path: name}
        raise UndecodableError(with_names(str(error), names), with_names(str(error.hint), names)) from error
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "jpeg", quality=80)
    return buffer.getvalue()
