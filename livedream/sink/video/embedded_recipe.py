"""The recipe inside a film.

FFmpeg writes it when the film begins, before anybody knows whether the film will be complete. So it says that it is
not, and is corrected in place, without a change of its size, once it is. A GIF gets its recipe at the end.
"""

from pathlib import Path

from livedream.gif_comment import add_comment
from livedream.recipe import COMPLETE, Recipe
from livedream.sink.video import matroska
from livedream.sink.video.cover import index_at_end

_INCOMPLETE, _DONE = (f"\n{COMPLETE} = {word}\n".encode() for word in ("false", "true "))


def initial_text(recipe: Recipe) -> str:
    """Return the recipe of a film that begins."""
    return recipe.text(**{COMPLETE: False})


def finish(path: Path, recipe: Recipe, *, frames: int, complete: bool) -> None:
    """Write into the recipe of the closed film at `path` whether it is complete. Raises OSError.

    A recipe that is not where FFmpeg usually puts it is left as it is: it says that the film is not complete.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif":
        add_comment(path, recipe.text(frames=frames, **{COMPLETE: complete}))
    elif complete and suffix in matroska.SUFFIXES:
        matroska.replace_in_tags(path, _INCOMPLETE, _DONE)
    elif complete:
        _replace_in_index(path, _INCOMPLETE, _DONE)


def _replace_in_index(path: Path, old: bytes, new: bytes) -> None:
    """Replace `old` in the index of an mp4 or mov by as many bytes."""
    with path.open("r+b") as file:
        found = index_at_end(file)
        if found is not None:
            start, moov = found
            place = moov.find(old)
            while place >= 0:
                file.seek(start + place)
                file.write(new)
                place = moov.find(old, place + 1)
