"""How the library starts other programs of livedream."""

import os
import sys
from pathlib import Path

import livedream

_ROOT = Path(livedream.__file__).resolve().parents[1]
_KEPT_BACK = ("LIVEDREAM_SOURCE", "LIVEDREAM_TO", "LIVEDREAM_STUDIO_TOKEN")
"""Variables of the studio itself with passwords or a token, or with addresses that may contain some."""


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of livedream with this Python."""
    return [sys.executable, "-m", module, *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return the environment for such a program. more: variables to add."""
    variables = {name: value for name, value in os.environ.items() if name not in _KEPT_BACK}
    if Path.cwd() != _ROOT:  # where livedream runs without being installed, it is found in the current folder
        variables["PYTHONSAFEPATH"] = "1"  # a json.py in the current folder is not meant
    return {**variables, **more}
