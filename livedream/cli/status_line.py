"""A line with the current state: updated in place on a terminal, as JSON for a program, otherwise now and then."""

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from livedream.cli.console import is_quiet, prints_json_progress, remark, silence
from livedream.cli.json_progress import JsonProgress
from livedream.printable import presentable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PLAIN_SECONDS = 5.0
"""Where nothing can be overwritten, a line is printed after this time without output."""


class StatusLine:
    """Shows the state of a run on standard error, inside a `with` block. It disappears from a terminal at the end."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._json = JsonProgress() if prints_json_progress() else None

    def __enter__(self) -> Self:
        if self._json is None and is_terminal() and not is_quiet():
            from livedream.cli.bar import new_bar

            self._bar = new_bar()
            self._bar.start()
            self._task = self._bar.add_task("", total=None, visible=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._json is not None:
            self._json.finish()

    def show(
        self,
        text: str,
        share: float | None = None,
        notices: Sequence[str] = (),
        *,
        left: float | None = None,
        frames: int | None = None,
        fps: float | None = None,
    ) -> None:
        """Show `text`, and a bar for the share of the work that is done.

        Args:
            text: the state.
            share: from 0 to 1; None if unknown.
            notices: on a terminal each has a separate line, because a line is cut off at the edge.
            left: the seconds left, None if unknown. As the next two, it is for programs: people read it in `text`.
            frames: the number of frames or pictures that are dreamt; None if nothing is dreamt at the moment.
            fps: how many are dreamt per second.
        """
        if self._json is not None:
            self._json.show(
                {"share": share, "left": left, "frames": frames, "fps": fps, "text": text, "notices": list(notices)}
            )
        elif self._bar is not None and self._task is not None:
            total = None if share is None else 1.0
            self._bar.update(
                self._task,
                total=total,
                completed=share or 0.0,
                description="\n".join(map(presentable, (text, *notices))),
                visible=True,
                refresh=True,
            )
        elif silence() >= PLAIN_SECONDS:
            remark("; ".join([text, *notices]))


def is_terminal() -> bool:
    """Return whether text on standard error can be overwritten."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
