"""The recipe inside a video or image that livedream has written."""

from pathlib import Path

from livedream.capture.decoding.container import open_video
from livedream.capture.kind import is_image
from livedream.errors import ArgumentError, SourceError
from livedream.formats.gif_comment import last_comment
from livedream.formats.image_file import read_head, sniff
from livedream.formats.image_recipe import recipe_in
from livedream.hints import either
from livedream.recipe import about
from livedream.untrusted import NotRegularError, check_regular


def embedded_recipe(path: Path) -> str:
    """Return the recipe inside the video or image at `path`, as TOML.

    Raises:
        SourceError: the file cannot be read.
        ArgumentError: it carries no recipe.
    """
    try:
        check_regular(path)
    except NotRegularError as error:
        raise SourceError(
            f"{path} carries no recipe: {error.strerror}", "name a video, an image or a .toml file"
        ) from error
    text = _in_file(path)
    if not about(text):
        made = either("livedream made", "`livedream run` made")  # open_sink writes no recipe
        hint = f"name a video or image that {made}, or a .toml file"
        raise ArgumentError(f"{path} carries no recipe", hint)
    return text


def _in_file(path: Path) -> str:
    if sniff(read_head(path)) == "GIF":
        try:
            return last_comment(path)
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}", "check the permissions of the file") from error
    if is_image(path):
        return recipe_in(path)
    with open_video(path) as video:
        tags = {name.lower(): text for name, text in video.metadata.items()}  # Matroska writes the names in capitals
    return tags.get("comment", "")
