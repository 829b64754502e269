"""The recipe in a file of its own, beside what it made."""

import hashlib
import logging
import re
from pathlib import Path

from livedream.errors import ArgumentError, SinkError
from livedream.recipe import Recipe, about
from livedream.sink.inputs import Inputs
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import write_whole
from livedream.untrusted import read_text

log = logging.getLogger(__name__)

_SEAL = re.compile(r"checksum ([0-9a-f]{32})\b")


def sealed(text: str, comment: str = "# {}") -> str:
    """Return `text` after a line by which `is_untouched` knows it.

    comment: how a comment is written in it.
    """
    seal = f"checksum {_checksum(text)}: livedream wrote this file, and replaces it only while nobody has edited it"
    return f"{comment.format(seal)}\n{text}"


def is_untouched(text: str) -> bool:
    """Return whether `text` is as `sealed` has returned it."""
    first, _, body = text.partition("\n")
    found = _SEAL.search(first)
    return found is not None and found[1] == _checksum(body)


def write_beside(
    path: Path,
    recipe: Recipe | None,
    lock: OutputLock,
    *,
    frames: int,
    complete: bool,
    overwrite: bool = False,
    inputs: Inputs | None = None,
) -> None:
    """Write the recipe, if there is one, into the file `path`.

    complete: whether the source was dreamt to its end. A file of that name that is no recipe stays, and so does a
    recipe that somebody has edited, unless `overwrite`; that, and whatever the disk says, is logged and no more: the
    output itself is whole.
    """
    if recipe is None:
        return
    try:
        if path.exists():
            found = read_text(path)
            if not about(found):
                log.warning("%s is not a recipe of livedream and is left as it is", path)
                return
            if not overwrite and not is_untouched(found):
                log.warning("%s was edited and is left as it is; --overwrite replaces it", path)
                return
        text = sealed(recipe.text(frames=frames, complete=complete))
        write_whole(path, text.encode(), lock, overwrite=True, inputs=inputs)
    except (SinkError, ArgumentError) as error:  # which name the file
        log.warning("the recipe is missing: %s", error)
    except (OSError, UnicodeDecodeError) as error:
        log.warning("the recipe %s cannot be written: %s", path, getattr(error, "strerror", None) or error)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
