"""The names of the files that livedream writes beside an output.

film-dream.mp4               the output
film-dream.part.mp4          the output while it is written; players recognize the type by the suffix
film-dream.part.lock         its lock file, see livedream.sink.lock_file
film-dream.part.resume/      its journal, see livedream.pipeline.checkpoints
frames/recipe.toml           the recipe of a folder of frames; videos and images carry it inside
out.png.toml                 the recipe of numbered images out%06d.png
"""

import os
import re
from pathlib import Path

from livedream.formats.suffixes import CONTAINERS
from livedream.names import NUMBERED, fitting

_FRAMES = "%06d.png"
"""The names of the frames in a folder of frames."""
_DERIVED = 8
"""Bytes left free in the name of a part, for the longer name of its journal, NAME.part.resume."""


def real_path(path: Path) -> Path:
    """Return the file that is written for `path`: the target of a symbolic link, as with a shell's `>` and ffmpeg.

    The link stays. Temporary files lie beside its target, on the same disk.
    """
    if os.path.islink(path):  # noqa: PTH114  Path.is_symlink raises for names that are too long
        return Path(os.path.realpath(path))
    return path


def part_of(path: Path) -> Path:
    """Return the name of the output `path` while it is written: NAME.part.EXT."""
    real = real_path(path)
    return real.with_name(fitting(real.stem, f".part{real.suffix}", room=_DERIVED))


def journal_of(part: Path) -> Path:
    """Return the folder with the journal of a video that is written as `part`."""
    return part.with_suffix(".resume")


def recipe_in_folder(folder: Path) -> Path:
    """Return the path of the recipe of a folder of frames."""
    return folder / "recipe.toml"


def recipe_beside(path: Path) -> Path:
    """Return the path of the recipe beside `path`: `out.png.toml`."""
    return path.with_name(fitting(path.name, ".toml"))


def old_recipe_beside(path: Path) -> Path:
    """Return where earlier versions wrote the recipe of `path`, and of every file with that stem: `out.toml`."""
    return path.with_name(fitting(path.stem, ".toml"))


def lock_of(path: Path, *, folder: bool = False) -> Path:
    """Return the lock file of the output `path`, see `livedream.sink.lock_file`.

    Outputs that share temporary names share a lock: film.mp4, film.gif and film.part.mp4; out%d.png and
    out%06d.png; a folder of frames and the numbered images %06d.png in it.

    Args:
        path: The output.
        folder: Whether `path` is a folder of frames; its lock file lies inside.
    """
    real = path / _FRAMES if folder else real_path(path)
    stem = NUMBERED.sub("#", real.stem)
    if stem == "#" and real.suffix == ".png":
        stem = "recipe"
    while stem.endswith(".part") and stem != ".part":
        stem = stem.removesuffix(".part")
    return real.with_name(fitting(stem, ".part.lock"))


def locks_above(path: Path) -> list[Path]:
    """Return the lock files of numbered images to which `path` may belong: out#.part.lock for out0001.png."""
    real = real_path(path)
    patterns = [
        f"{real.stem[: run.start()]}%d{real.stem[run.end() :]}" for run in re.finditer(r"\d+", real.stem, re.ASCII)
    ]
    return [lock_of(real.with_name(f"{stem}{real.suffix}")) for stem in patterns]


def frame_path(folder: Path, number: int) -> Path:
    """Return the path of a frame in a folder of frames: 000000.png."""
    return folder / (_FRAMES % number)


def pattern_of(path: Path, *, folder: bool = False) -> re.Pattern[str] | None:
    """Return the pattern of the names of numbered images and of their parts; None for other outputs.

    Args:
        path: A folder of frames, or a path with a place for a number: out%06d.png.
        folder: Whether `path` is a folder of frames.
    """
    name = _FRAMES if folder else path.name
    if not NUMBERED.search(name) or Path(name).suffix.lower() in CONTAINERS:
        return None
    before, *_, after = NUMBERED.split(Path(name).stem)
    text = f"{re.escape(before)}\\d+{re.escape(after)}(\\.part)?{re.escape(Path(name).suffix)}"
    return re.compile(text, re.ASCII | re.IGNORECASE)
