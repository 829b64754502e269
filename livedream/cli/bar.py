"""The status line on a terminal, drawn by rich."""

import sys

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn


class _BarOrSpinner(ProgressColumn):
    """A bar if the total is known, otherwise a spinner."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = BarColumn()
        self._spinner = SpinnerColumn()

    def render(self, task: Task) -> RenderableType:
        return (self._spinner if task.total is None else self._bar).render(task)


def new_bar() -> Progress:
    """Return a bar for one task that is redrawn only on request."""
    # It must not ask again whether this is a terminal: for moments it is not (sink/captured_stderr.py).
    console = Console(stderr=True, force_terminal=True)
    # Standard output that goes to a file must not end up on the terminal.
    return Progress(
        _BarOrSpinner(),
        TextColumn("{task.description}", markup=False),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
