"""The names that livedream gives to what it writes beside an output.

film-dream.mp4               the output
film-dream.part.mp4          the output while it is written; players know its kind by the end of its name
film-dream.part.lock         who writes it
film-dream.part.resume/      its journal, see livedream.pipeline.journal
film-dream.toml              its recipe
"""

import hashlib
import os
from pathlib import Path

FRAME_DIGITS = 6
_LONGEST = 255
"""Bytes in a file name, on every usual file system."""
_LONGEST_ENDING = ".part.resume"


def real_path(path: Path) -> Path:
    """Return the file that is written when `path` is: what a symbolic link points to, as for a shell's `>` and ffmpeg.

    The link stays. Temporary files lie beside its target, on the same disk.
    """
    if os.path.islink(path):  # noqa: PTH114  Path.is_symlink raises for names that are too long
        return Path(os.path.realpath(path))
    return path


def part_of(path: Path) -> Path:
    """Return the name of the output `path` while it is written: NAME.part.EXT."""
    real = real_path(path)
    return real.with_name(f"{_fitted(real.stem)}.part{real.suffix}")


def journal_of(part: Path) -> Path:
    """Return the name of the folder with the journal of a film that is written as `part`."""
    return part.with_suffix(".resume")


def recipe_path(target: Path, *, folder: bool = False) -> Path:
    """Return where the recipe of `target` is: `out.toml` beside `out.mp4`, `recipe.toml` in a folder."""
    return target / "recipe.toml" if folder else target.with_suffix(".toml")


def lock_of(path: Path, *, folder: bool = False) -> Path:
    """Return the name of the lock of the output `path`, see `livedream.sink.lock`.

    Outputs that share temporary names or a recipe share a lock: film.mp4, film.gif and film.part.mp4.
    folder: whether `path` is a folder of frames; its lock lies in it.
    """
    real = path / "recipe" if folder else real_path(path)
    stem = real.stem
    while stem.endswith(".part") and stem != ".part":
        stem = stem.removesuffix(".part")
    return real.with_name(f"{_fitted(stem)}.part.lock")


def frame_path(folder: Path, number: int) -> Path:
    """Return the name of a frame in a folder of frames: 000000.png."""
    return folder / f"{number:0{FRAME_DIGITS}d}.png"


def is_frame_name(name: str) -> bool:
    """Return whether a frame in a folder of frames could be called `name`, now or while it is written."""
    stem, dot, ending = name.casefold().partition(".")
    return stem.isascii() and stem.isdigit() and len(stem) >= FRAME_DIGITS and dot + ending in (".png", ".part.png")


def _fitted(stem: str) -> str:
    """Return `stem`, made shorter where a temporary name would be too long."""
    room = _LONGEST - len(_LONGEST_ENDING)
    if len(os.fsencode(stem)) <= room:
        return stem
    digest = hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    while len(os.fsencode(stem)) > room - len(digest) - 1:
        stem = stem[:-1]
    return f"{stem}~{digest}"
