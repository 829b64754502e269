"""The farms that were driven from this machine, for a studio that runs on it."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from livedream.untrusted import read_text

KEPT_SECONDS = 7 * 86400
"""How long a farm is listed after its last word."""
MOST = 50
"""Farms that are listed."""


def tell(id: str, place: str, progress: str) -> None:
    """Note how far a farm is; a studio on this machine shows it.

    Args:
        id: of the manifest.
        place: its folder or address, as people should see it.
        progress: as JSON, what `FarmProgress.text` returns.
    """
    path = _folder() / f"{id[:32]}.json"
    unfinished = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # a full disk does not hinder the farm
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps({"place": place, "progress": json.loads(progress)}), encoding="utf-8")
        unfinished.replace(path)


def told() -> list[tuple[str, dict[str, Any]]]:
    """Return the place and the progress of each farm, the one that was heard of last first.

    Files that cannot be read are left out.
    """
    found = []
    with contextlib.suppress(OSError):
        for path in _folder().glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                changed = path.stat().st_mtime
                if time.time() - changed < KEPT_SECONDS:
                    content = json.loads(read_text(path))
                    found.append((changed, str(content["place"]), dict(content["progress"])))
    found.sort(key=lambda each: each[0], reverse=True)
    return [(place, progress) for _, place, progress in found[:MOST]]


def _folder() -> Path:
    return user_state_path("livedream") / "farms"
