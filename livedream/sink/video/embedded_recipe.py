"""The recipe inside a video.

FFmpeg writes it at the start, before it is known whether the video will be complete. So it says "incomplete" at first,
and is corrected in place at the end, without a change of its size. A GIF gets its recipe at the end.
"""

from pathlib import Path

from livedream.formats.gif_comment import add_comment
from livedream.recipe import COMPLETE, Recipe
from livedream.sink.video import matroska
from livedream.sink.video.cover import index_at_end

_INCOMPLETE, _DONE = (f"\n{COMPLETE} = {word}\n".encode() for word in ("false", "true "))


def initial_text(recipe: Recipe) -> str:
    """Return the text of the recipe for the start of a video."""
    return recipe.text(**{COMPLETE: False})


def finish(path: Path, recipe: Recipe, *, frames: int, complete: bool) -> None:
    """Write into the recipe of the closed video at `path` whether it is complete. Raises OSError.

    A recipe that is not where FFmpeg usually puts it stays as it is: it says that the video is incomplete.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif":
        add_comment(path, recipe.text(frames=frames, **{COMPLETE: complete}))
    elif complete and suffix in matroska.SUFFIXES:
        matroska.replace_in_tags(path, _INCOMPLETE, _DONE)
    elif complete:
        _replace_in_index(path, _INCOMPLETE, _DONE)


def _replace_in_index(path: Path, old: bytes, new: bytes) -> None:
    """Replace `old` in the index of an mp4 or mov by `new`, which has the same length."""
    with path.open("r+b") as file:
        index = index_at_end(file)
        if index is not None:
            start, moov = index
            offset = moov.find(old)
            while offset >= 0:
                file.seek(start + offset)
                file.write(new)
                offset = moov.find(old, offset + 1)
