"""A batch before it begins: what is to be dreamt, where it goes, and what has been done before."""

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
from livedream.names import NUMBERED, fitting, is_half_written
from livedream.presets import FILM, STILL
from livedream.recipe import COMPLETE, Recipe, about, without_end
from livedream.settings import CONTROLS
from livedream.sink.names import old_recipe_beside, recipe_in_folder
from livedream.sink.video.codecs import VIDEO_SUFFIXES
from livedream.suffixes import PICTURES_IN, PICTURES_OUT
from livedream.untrusted import read_text
from livedream.urls import shown

FILMS_IN = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".vob", ".wmv"),
    *(".flv", ".ogv", ".3gp", ".mxf", ".dv"),
)
"""How the name of a film ends, in small letters: what is taken from a folder."""
USUAL = "*-dream.mp4"


@dataclass(frozen=True, slots=True)
class Job:
    """One file, or pictures that belong together, and where its dream goes."""

    source: str
    """As `open_source` takes it."""
    target: str
    """As `open_sink` takes it."""
    files: tuple[Path, ...]
    """What is read; empty when there is nothing of that name."""
    stills: bool

    @property
    def bytes(self) -> int:
        return sum(map(_bytes, self.files))

    @property
    def look(self) -> str:
        """The preset that is usual for it."""
        return STILL if self.stills else FILM

    @property
    def key(self) -> str:
        """What tells its target from others, also on a disk that does not tell capitals apart."""
        return str(Path(self.target)).casefold()


def make_folder(folder: Path) -> None:
    """Make the folder for what is dreamt; that around it must be there. Raises SinkError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder} cannot be made: {error.strerror}", "choose another place with --to") from error


def named_after(source: str, to: str) -> str:
    """Return the target `to` of one source, with its name in the place of `*`, as for several; the folder is made.

    Raises ArgumentError where no file is dreamt, SinkError.
    """
    if "*" not in to or "://" in to:
        return to
    if not _is_file_name(source):
        text = f"the * in {to} stands for the name of a file, and {shown(source)} is not a file"
        raise ArgumentError(text, "write the name of the output out")
    (job,) = plan([source], to)
    if job.files:
        make_folder(Path(job.target).parent)
    return job.target


def refuse_output_among(specs: Sequence[str]) -> None:
    """Raise ArgumentError for `film.mp4 out.mp4`, where the last one is meant as the output, as of cp."""
    *inputs, last = specs or ("",)
    meant = last.endswith("/") or (len(inputs) == 1 and last.lower().endswith((*VIDEO_SUFFIXES, *PICTURES_OUT)))
    if (
        inputs
        and meant
        and _is_file_name(last)
        and not any(letter in last for letter in "*?[%")
        and not _is_there(Path(last))
    ):
        line = shlex.join(["livedream", "run", *inputs, "-o", last])
        raise ArgumentError(f"{last} does not exist", f"to write it: {line}")


def is_batch(specs: Sequence[str]) -> bool:
    """Return whether `specs` name more than one film, picture, or set of pictures that belong together."""
    return len(specs) > 1 or any(list(_expand(spec)) != [spec] for spec in specs)


def plan(specs: Sequence[str], to: str | None = None) -> list[Job]:
    """Return the jobs, in the order in which they are named; those of a folder or a pattern by name.

    specs: films, pictures, folders and patterns. A folder stands for each film in it, and for its pictures together; a
        pattern for each film, or, where it means pictures alone, for all of them together. What livedream made itself
        is left out of both, and always where the batch would make it again. What is named twice is dreamt once.
    to: a folder, or a pattern in which `*` stands for the name of the source without its ending. Pictures become a
        picture or a folder where it names a film. A second source of a name gets a number: film-2.

    Raises ArgumentError for what is no file, a target that is a source, and a wrong `to`; SourceError when all is left
    out. What is not there is a job without files.
    """
    template = _template(to)
    for spec in specs:
        if not _is_file_name(spec):
            raise ArgumentError(f"{shown(spec)} is not a file", "several sources are dreamt one by one: name files")
    found = {Path(source).resolve(): source for spec in specs for source in _expand(spec)}
    if not found:
        raise SourceError(f"nothing to dream in {', '.join(specs)}", "livedream made all that is there")
    jobs: list[Job] = []
    taken: set[str] = set()
    for source in found.values():
        job = _job(source, template, taken)
        taken.add(job.key)
        jobs.append(job)
    # A second `livedream run *.mp4` names what the first one made: the shell says no more than that.
    targets = {Path(job.target).resolve() for job in jobs}
    jobs = [job for job in jobs if Path(job.source).resolve() not in targets or _is_source(Path(job.source))]
    sources = {path.resolve() for job in jobs for path in job.files}
    for job in jobs:
        if Path(job.target).resolve() in sources:
            raise ArgumentError(f"{job.target} is one of the sources", "choose another --to")
    return jobs


def _is_file_name(spec: str) -> bool:
    """Return whether `spec` can be meant as a file, a folder or a pattern, and not as a camera or an address."""
    return "://" not in spec and spec != "demo" and not spec.isdecimal() and bool(spec.strip())


def hindrance(job: Job, recipe: Recipe, *, carries: bool = True) -> str | None:
    """Return why the target of `job` must not be dreamt: "" when it is there already, complete and by this recipe.

    A clause that says what is in the way otherwise; None when nothing is.
    carries: whether targets carry a recipe. One that has none is done otherwise: nothing can be said against it.
    """
    target = Path(job.target)
    if not (recipe_in_folder(target) if target.is_dir() else target).exists():
        return None
    try:
        text = _recipe_of(target)
        made = about(text)
        useless = {control.name for control in CONTROLS if control.only == ("films" if job.stills else "pictures")}
        differences = [name for name in recipe.differences(text) if name not in useless] if made else []
    except (OSError, ValueError):  # somebody else wrote it
        made = {}
    if not made:
        return f"{job.target} exists already, and no recipe says what it is" if carries else ""
    if differences:
        return f"{job.target} exists already, made otherwise ({', '.join(differences)})"
    # A picture gets its name when it is complete.
    complete = made.get(COMPLETE, not target.is_dir() and is_image(target))
    return "" if complete is True else f"{job.target} exists already, and is not complete"


def _recipe_of(target: Path) -> str:
    """Return the recipe of an output, inside it or, as livedream once wrote it, beside it; "" when there is none.

    Raises OSError and ValueError for what is beside it and cannot be read.
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


# What there is --------------------------------------------------------------------------------------------------------


def _expand(spec: str) -> Iterator[str]:
    """Yield what a word of the command line stands for, each as `open_source` takes it."""
    path = Path(spec)
    if _is_dir(path):
        films = [entry for entry in _entries(path) if _is_film(entry)]
        yield from map(str, filter(_is_source, films))
        if not films or _has_pictures(spec):
            yield spec
    elif _is_there(path) or not any(letter in spec for letter in "*?["):
        yield spec
    else:
        known = (*FILMS_IN, *PICTURES_IN, path.suffix.lower())
        names = sorted(map(Path, glob.glob(spec, recursive=True)), key=natural)  # noqa: PTH207  as the pictures do
        files = [name for name in names if name.suffix.lower() in known and _is_file(name)]
        if all(is_image(name) for name in files):
            yield spec
        else:
            yield from map(str, filter(_is_source, files))


def _is_film(path: Path) -> bool:
    """Return whether a file of a folder is a film, or an animated picture."""
    suffix = path.suffix.lower()
    return _is_file(path) and (suffix in FILMS_IN or (suffix in PICTURES_IN and not is_image(path)))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=natural)
    except OSError:  # closed to us: who opens it will say so
        return []


def _is_source(path: Path) -> bool:
    """Return whether somebody wants this dreamt: it is none of our own, whole or half, and no shadow of macOS's."""
    if path.name.startswith(".") or is_half_written(path):
        return False
    try:
        return not about(_recipe_of(path))
    except (OSError, ValueError):
        return True


def _numbered(pattern: Path) -> tuple[Path, ...]:
    try:
        return tuple(path for _, path in sorted(find_numbered(pattern).items()))
    except (SourceError, ArgumentError):  # who opens it will say so
        return ()


def _has_pictures(spec: str) -> bool:
    try:
        return bool(find_images(spec))
    except (SourceError, OSError):
        return False


# Path.is_dir and the like raise for a name of more than 255 bytes and for what lies in a folder closed to us. Who opens
# the file will say so.


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


# Where it goes --------------------------------------------------------------------------------------------------------


def _template(to: str | None) -> str:
    if to is None:
        return USUAL
    if "*" not in to and (to.endswith("/") or _is_dir(Path(to))):
        return str(Path(to) / USUAL)
    if Path(to).name.count("*") != 1 or "*" in str(Path(to).parent):
        raise ArgumentError(f"several sources do not go into {to}", "name a folder (out/), or a pattern (out/*.mkv)")
    return to


def _filled(template: str, name: str) -> str:
    """Return the target `template` with `name` in the place of `*`, cut where that is too long."""
    folder, slash, last = template.rstrip("/").rpartition("/")
    before, _, after = last.partition("*")
    return f"{folder}{slash}{fitting(before + name, after)}{template[len(template.rstrip('/')) :]}"


def _job(source: str, template: str, taken: set[str]) -> Job:
    """Return the job for `source`, whose target is none of those in `taken`."""
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
