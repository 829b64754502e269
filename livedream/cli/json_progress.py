"""The progress of a run as lines of JSON, for programs (--progress json)."""

import json
import time
from collections.abc import Mapping
from typing import Any

from livedream.cli.console import say_progress

SECONDS = 0.25
"""The minimum time between two lines."""


class JsonProgress:
    """Prints states as lines of JSON on standard error: the first, the last, and at most four a second between them."""

    def __init__(self) -> None:
        self._printed: float | None = None
        """When the last line was printed."""
        self._waiting: Mapping[str, Any] | None = None
        """The newest state, if it came too soon to be printed."""

    def show(self, state: Mapping[str, Any]) -> None:
        """Print `state`, unless a line was printed a moment ago."""
        now = time.monotonic()
        self._waiting = state
        if self._printed is None or now - self._printed >= SECONDS:
            self._printed = now
            self.finish()

    def finish(self) -> None:
        """Print the newest state if that has not been done."""
        if self._waiting is not None:
            say_progress(json.dumps(self._waiting))
            self._waiting = None
