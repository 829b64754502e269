"""Plans a batch: the sources, their targets, and which of them are done already."""

import glob
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.capture.image_sequence import find_numbered
from livedream.capture.images import find_images, natural
from livedream.capture.kind import is_image
from livedream.errors import ArgumentError, SinkError, SourceError
from livedream.formats.suffixes import IMAGE_SUFFIXES_IN, IMAGE_SUFFIXES_OUT, VIDEO_SUFFIXES
from livedream.names import NUMBERED, fitting, is_half_written
from livedream.presets import FILM, STILL
from livedream.recipe import COMPLETE, Recipe, about, without_end
from livedream.settings import CONTROLS
from livedream.sink.names import old_recipe_beside, recipe_in_folder
from livedream.untrusted import read_text
from livedream.urls import redact

VIDEO_SUFFIXES_IN = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".vob", ".wmv"),
    *(".flv", ".ogv", ".3gp", ".mxf", ".dv"),
)
"""The suffixes of videos in lower case, which are taken from a folder."""
USUAL = "*-dream.mp4"


@dataclass(frozen=True, slots=True)
class Job:
    """One file, or pictures that belong together, and the target."""

    source: str
    """As `open_source` takes it."""
    target: str
    """As `open_sink` takes it."""
    files: tuple[Path, ...]
    """The files of the source; empty when there are none."""
    stills: bool

    @property
    def bytes(self) -> int:
        return sum(map(_bytes, self.files))

    @property
    def look(self) -> str:
        """The usual preset for the source."""
        return STILL if self.stills else FILM

    @property
    def key(self) -> str:
        """Identifies the target, also on a file system that ignores case."""
        return str(Path(self.target)).casefold()


def make_folder(folder: Path) -> None:
    """Make the folder for the outputs; its parent must exist. Raises SinkError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SinkError(
            f"cannot create the folder {folder}: {error.strerror}", "choose another place with --to"
        ) from error


def named_after(source: str, to: str) -> str:
    """Return the target `to` for one source, with the name of the source in place of `*`; the folder is made.

    Raises ArgumentError when the source is not a file, and SinkError.
    """
    if "*" not in to or "://" in to:
        return to
    if not _is_file_name(source):
        text = f"the * in {to} stands for the name of a file, and {redact(source)} is not a file"
        raise ArgumentError(text, "write the full name of the output")
    (job,) = plan([source], to)
    if job.files:
        make_folder(Path(job.target).parent)
    return job.target


def refuse_output_among(specs: Sequence[str]) -> None:
    """Raise ArgumentError for `film.mp4 out.mp4`, where the last name is meant as the output, as for cp."""
    *inputs, last = specs or ("",)
    is_output = last.endswith("/") or (
        len(inputs) == 1 and last.lower().endswith((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES_OUT))
    )
    if (
        inputs
        and is_output
        and _is_file_name(last)
        and not any(letter in last for letter in "*?[%")
        and not _is_there(Path(last))
    ):
        line = shlex.join(["livedream", "run", *inputs, "-o", last])
        raise ArgumentError(f"{last} does not exist", f"to write it: {line}")


def is_batch(specs: Sequence[str]) -> bool:
    """Return whether `specs` are more than one video, picture, or set of pictures that belong together."""
    return len(specs) > 1 or any(list(_expand(spec)) != [spec] for spec in specs)


def plan(specs: Sequence[str], to: str | None = None) -> list[Job]:
    """Return the jobs in the order of `specs`; within a folder or a pattern, sorted by name.

    Args:
        specs: videos, pictures, folders and patterns. A folder means each video in it, and all its pictures together. A
            pattern means each video, or, if only pictures match, all of them together. Both leave out the outputs of
            livedream, as does the whole batch if it would write them again. Duplicates are dreamt once.
        to: a folder, or a pattern in which `*` stands for the name of the source without its suffix. If it names a
            video, pictures go to a picture or a folder. A second source of the same name gets a number: film-2.

    Returns:
        The jobs. A source that does not exist is a job without files.

    Raises:
        ArgumentError: a source is not a file, a target is a source, or `to` is wrong.
        SourceError: all sources are left out.
    """
    template = _template(to)
    for spec in specs:
        if not _is_file_name(spec):
            raise ArgumentError(
                f"{redact(spec)} is not a file", "a batch takes files: dream other sources one at a time"
            )
    found = {Path(source).resolve(): source for spec in specs for source in _expand(spec)}
    if not found:
        raise SourceError(f"nothing to dream in {', '.join(specs)}", "all files there are outputs of livedream")
    jobs: list[Job] = []
    taken: set[str] = set()
    for source in found.values():
        job = _job(source, template, taken)
        taken.add(job.key)
        jobs.append(job)
    # A second `livedream run *.mp4` also gets the outputs of the first one, because the shell expands the pattern.
    targets = {Path(job.target).resolve() for job in jobs}
    jobs = [job for job in jobs if Path(job.source).resolve() not in targets or _is_source(Path(job.source))]
    sources = {path.resolve() for job in jobs for path in job.files}
    for job in jobs:
        if Path(job.target).resolve() in sources:
            raise ArgumentError(f"{job.target} is one of the sources", "choose another --to")
    return jobs


def _is_file_name(spec: str) -> bool:
    """Return whether `spec` can be a file, a folder or a pattern, not a camera or an address."""
    return "://" not in spec and spec != "demo" and not spec.isdecimal() and bool(spec.strip())


def hindrance(job: Job, recipe: Recipe, *, carries: bool = True) -> str | None:
    """Return why the target of `job` must not be written: "" when it exists, complete and made by this recipe.

    Returns None when nothing prevents it. carries: whether targets carry a recipe. If not, a target without a recipe
    counts as done.
    """
    target = Path(job.target)
    if not (recipe_in_folder(target) if target.is_dir() else target).exists():
        return None
    try:
        text = _recipe_of(target)
        made = about(text)
        useless = {control.name for control in CONTROLS if control.only == ("videos" if job.stills else "pictures")}
        differences = [name for name in recipe.differences(text) if name not in useless] if made else []
    except (OSError, ValueError):  # another program wrote it
        made = {}
    if not made:
        return f"{job.target} exists already, and carries no recipe" if carries else ""
    if differences:
        return f"{job.target} exists already, made with other settings ({', '.join(differences)})"
    # A picture gets its name only when it is complete.
    complete = made.get(COMPLETE, not target.is_dir() and is_image(target))
    return "" if complete is True else f"{job.target} exists already, and is incomplete"


def _recipe_of(target: Path) -> str:
    """Return the recipe of an output, embedded or, from older versions, in a file beside it; "" without a recipe.

    Raises OSError and ValueError when the file beside it cannot be read.
    """
    if target.is_dir():
        return read_text(recipe_in_folder(target))
    try:
        inside = embedded_recipe(target)
    except (ArgumentError, SourceError):
        inside = ""
    beside = old_recipe_beside(target)
    if COMPLETE in about(inside) or not beside.is_file():
        return inside
    text = read_text(beside)
    return text if about(text) and (not inside or without_end(text) == without_end(inside)) else inside


# Sources --------------------------------------------------------------------------------------------------------


def _expand(spec: str) -> Iterator[str]:
    """Yield the sources that a word of the command line means, as `open_source` takes them."""
    path = Path(spec)
    if _is_dir(path):
        videos = [entry for entry in _entries(path) if _is_video(entry)]
        yield from map(str, filter(_is_source, videos))
        if not videos or _has_pictures(spec):
            yield spec
    elif _is_there(path) or not any(letter in spec for letter in "*?["):
        yield spec
    else:
        known = (*VIDEO_SUFFIXES_IN, *IMAGE_SUFFIXES_IN, path.suffix.lower())
        names = sorted(map(Path, glob.glob(spec, recursive=True)), key=natural)  # noqa: PTH207  as the pictures do
        files = [name for name in names if name.suffix.lower() in known and _is_file(name)]
        if all(is_image(name) for name in files):
            yield spec
        else:
            yield from map(str, filter(_is_source, files))


def _is_video(path: Path) -> bool:
    """Return whether a file of a folder is a video, or an animated picture."""
    suffix = path.suffix.lower()
    return _is_file(path) and (suffix in VIDEO_SUFFIXES_IN or (suffix in IMAGE_SUFFIXES_IN and not is_image(path)))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=natural)
    except OSError:  # not readable: opening it will report that
        return []


def _is_source(path: Path) -> bool:
    """Return whether this is a source: not an output of livedream, whole or partial, and not a hidden file."""
    if path.name.startswith(".") or is_half_written(path):
        return False
    try:
        return not about(_recipe_of(path))
    except (OSError, ValueError):
        return True


def _numbered(pattern: Path) -> tuple[Path, ...]:
    try:
        return tuple(path for _, path in sorted(find_numbered(pattern).items()))
    except (SourceError, ArgumentError):  # opening it will report that
        return ()


def _has_pictures(spec: str) -> bool:
    try:
        return bool(find_images(spec))
    except (SourceError, OSError):
        return False


# Path.is_dir and similar methods raise for a name of more than 255 bytes, and in a folder without permission. Opening
# the file will report that.


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


# Targets --------------------------------------------------------------------------------------------------------


def _template(to: str | None) -> str:
    if to is None:
        return USUAL
    if "*" not in to and (to.endswith("/") or _is_dir(Path(to))):
        return str(Path(to) / USUAL)
    if Path(to).name.count("*") != 1 or "*" in str(Path(to).parent):
        raise ArgumentError(
            f"several sources cannot be written into {to}", "name a folder (out/) or a pattern (out/*.mkv)"
        )
    return to


def _filled(template: str, name: str) -> str:
    """Return the target `template` with `name` in place of `*`, shortened if it is too long."""
    folder, slash, last = template.rstrip("/").rpartition("/")
    before, _, after = last.partition("*")
    return f"{folder}{slash}{fitting(before + name, after)}{template[len(template.rstrip('/')) :]}"


def _job(source: str, template: str, taken: set[str]) -> Job:
    """Return the job for `source`, with a target that is not in `taken`."""
    path = Path(source)
    files: tuple[Path, ...]
    if _is_file(path):
        files, stills, together = (path,), is_image(path), False
    elif _has_pictures(source):
        files, stills, together = tuple(find_images(source)), True, True
    elif NUMBERED.search(path.name):
        files, stills, together = _numbered(path), False, True
    else:
        files, stills, together = (), False, False
    if stills and Path(template).suffix.lower() in VIDEO_SUFFIXES:
        template = template[: -len(Path(template).suffix)] + ("/" if together else ".png")
    stem = (path if _is_there(path) else path.parent).resolve().name if together else path.stem
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        job = Job(source, _filled(template, name or "pictures"), files, stills)
        if job.key not in taken:
            return job
        number += 1
