"""Files and jobs to test the library with."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from livedream.settings import DreamSettings
from livedream.studio.library.entries import FileEntry
from livedream.studio.library.files import Files
from livedream.studio.library.uploads import Uploads

PLENTY = 1 << 40
"""Free bytes."""
SMALL = DreamSettings(working_height=64, steps=1, octaves=1, still_height=64, still_steps=1)
DEADLINE = 60.0
"""Seconds that a test waits for something that takes one or two."""


def free(folder: Path) -> int:
    return PLENTY


def upload(files: Files, path: Path, name: str | None = None) -> FileEntry:
    """Upload the file at `path`."""
    with Uploads(files, free=free).begin(name or path.name) as received:
        received.write(path.read_bytes())
        return received.finish()


def all_below(folder: Path) -> list[str]:
    """The names of all files below `folder`."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def picture(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    Image.new("RGB", size, "teal").save(path)
    return path


def wait_until(is_so: Callable[[], bool], changed: threading.Event | None = None) -> None:
    """Return as soon as `is_so()`; fail after a while."""
    limit = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < limit, "it has not come true"
        if changed is None:
            time.sleep(0.02)
        else:
            changed.wait(0.5)
            changed.clear()
