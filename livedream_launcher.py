"""The command `livedream`: Ctrl-C ends it without a traceback also while it is being imported.

A module by itself, because `livedream.anything` imports the package first, which takes a tenth of a second.
"""

import os
import signal
import sys
from types import FrameType

CODE = 130
"""Of a program that ended by Ctrl-C."""


def main() -> int:
    """Import the command line, run it and return its exit code."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a job in the background ignores Ctrl-C
        # Nothing is at stake yet. An exception would pass through code of others, some of which takes it for an
        # ImportError.
        signal.signal(signal.SIGINT, _leave)
    try:
        from livedream.cli.main import main as command

        signal.signal(signal.SIGINT, before)
        return command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return CODE


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"stopped\n")
    os._exit(CODE)
