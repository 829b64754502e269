"""The recipe that a film or a picture of livedream's carries inside."""

from pathlib import Path

from livedream.capture.film import open_film
from livedream.capture.kind import is_picture
from livedream.errors import ArgumentError, SourceError
from livedream.picture_file import open_frames
from livedream.recipe import TABLE, about
from livedream.untrusted import NotRegularError, check_regular


def carried_recipe(path: Path) -> str:
    """Return the recipe inside the film or picture at `path`, as TOML.

    Raises SourceError when the file cannot be read, ArgumentError when it carries none.
    """
    try:
        check_regular(path)
    except NotRegularError as error:
        raise SourceError(
            f"{path} carries no recipe: {error.strerror}", "name a film, a PNG or a .toml file"
        ) from error
    text = _of_picture(path) if is_picture(path) else _of_film(path)
    if not about(text):
        raise ArgumentError(f"{path} carries no recipe", "name a film or PNG that livedream made, or a .toml file")
    return text


def _of_picture(path: Path) -> str:
    with open_frames(path) as image:
        return str(image.info.get(TABLE, ""))


def _of_film(path: Path) -> str:
    with open_film(path) as film:
        tags = {name.lower(): text for name, text in film.metadata.items()}  # Matroska has its names in capitals
    return tags.get("comment", "")
