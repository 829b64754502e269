"""Messages about files, without where they lie on this machine."""

from collections.abc import Mapping
from pathlib import Path


def with_names(text: str, names: Mapping[Path, str]) -> str:
    """Return a message with names in place of paths. names: what people call each path."""
    written = {each: name for path, name in names.items() for each in (str(path.absolute()), str(path), path.name)}
    for each in sorted(written, key=len, reverse=True):  # the name of one file may be a part of that of another
        text = text.replace(each, written[each])
    return text
