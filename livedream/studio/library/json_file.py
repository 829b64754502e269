"""Small JSON files that are written whole or not at all, and may be damaged when they are read."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from livedream.untrusted import LARGEST_TEXT, open_regular


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write `value` to `path`, in place of an earlier file. Raises OSError."""
    write_file(path, json.dumps(value, indent=1).encode())


def write_file(path: Path, data: bytes) -> None:
    """Write `data` to `path`, readable only by its owner, in place of an earlier file. Raises OSError.

    The names of files beside it that are not complete yet begin with a dot.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in `path`, an empty one if the file does not exist, cannot be read, or is damaged."""
    try:
        with open_regular(path) as file:
            value = json.loads(file.read(LARGEST_TEXT))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
