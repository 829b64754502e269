"""How a status line looks on a terminal, by rich."""

import sys

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn


class _BarOrSpinner(ProgressColumn):
    """A bar where it is known how much there is to do, and else something that turns."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = BarColumn()
        self._spinner = SpinnerColumn()

    def render(self, task: Task) -> RenderableType:
        return (self._spinner if task.total is None else self._bar).render(task)


def new_bar() -> Progress:
    """Return a bar for one task, which is redrawn only when it is asked to."""
    # It must not ask again whether this is a terminal: for moments it is not (sink/captured_stderr.py).
    console = Console(stderr=True, force_terminal=True)
    # What goes to standard output, where that is a file, must not end on the terminal.
    return Progress(
        _BarOrSpinner(),
        TextColumn("{task.description}", markup=False),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
