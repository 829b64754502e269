"""The recipe as a separate file beside the output."""

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
    """Return `text` with a first line by which `is_untouched` recognizes it.

    Args:
        text: The content of the file.
        comment: The format of a comment line in this type of file.
    """
    seal = f"checksum {_checksum(text)}: livedream wrote this file and replaces it only if it was not edited"
    return f"{comment.format(seal)}\n{text}"


def is_untouched(text: str) -> bool:
    """Return whether `text` is unchanged since `sealed` returned it."""
    first, _, body = text.partition("\n")
    match = _SEAL.search(first)
    return match is not None and match[1] == _checksum(body)


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

    A file of that name that is not a recipe stays, and so does an edited recipe unless `overwrite`. That, and any error
    of the disk, is only logged, because the output itself is complete.

    Args:
        path: The file of the recipe.
        recipe: How the frames were made; None writes nothing.
        lock: The lock of the output.
        frames: How many frames were written.
        complete: Whether the source was dreamt to its end.
        overwrite: Whether an edited recipe is replaced.
        inputs: The files that the run reads.
    """
    if recipe is None:
        return
    try:
        if path.exists():
            text = read_text(path)
            if not about(text):
                log.warning("%s is not a recipe of livedream and is left as it is", path)
                return
            if not overwrite and not is_untouched(text):
                log.warning("%s was edited and is left as it is; allow overwriting to replace it", path)
                return
        text = sealed(recipe.text(frames=frames, complete=complete))
        write_whole(path, text.encode(), lock, overwrite=True, inputs=inputs)
    except (SinkError, ArgumentError) as error:  # their messages name the file
        log.warning("the recipe is missing: %s", error)
    except (OSError, UnicodeDecodeError) as error:
        log.warning("the recipe %s cannot be written: %s", path, getattr(error, "strerror", None) or error)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
