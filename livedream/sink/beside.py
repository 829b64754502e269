"""The recipe in a file of its own, beside what it made."""

import logging
from pathlib import Path

from livedream.errors import SinkError
from livedream.recipe import Recipe, about
from livedream.sink.part import PartFile
from livedream.strangers import read_text

log = logging.getLogger(__name__)


def recipe_path(target: Path, *, folder: bool = False) -> Path:
    """Return where the recipe of `target` is: `out.toml` beside `out.mp4`, `recipe.toml` in a folder."""
    return target / "recipe.toml" if folder else target.with_suffix(".toml")


def write_beside(path: Path, recipe: Recipe | None, *, frames: int, complete: bool) -> None:
    """Write the recipe, if there is one, into the file `path`.

    complete: whether the source was dreamt to its end. A file of that name that is no recipe stays; that, and whatever
    the disk says, is logged and no more: the output itself is whole.
    """
    if recipe is None:
        return
    try:
        if path.exists() and not about(read_text(path)):
            log.warning("%s is no recipe of livedream's and is left as it is", path)
            return
        part = PartFile(path, overwrite=True)
        try:
            part.part.write_text(recipe.text(frames=frames, complete=complete), encoding="utf-8")
            part.finish()
        finally:
            part.discard()
    except (OSError, UnicodeDecodeError, SinkError) as error:
        log.warning("the recipe %s cannot be written: %s", path, getattr(error, "strerror", None) or error)
