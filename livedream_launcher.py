"""The command `livedream`. Ctrl-C ends it without a traceback, even while the package is being imported."""

import gc
import os
import signal
import sys
import threading

import livedream_startup
from livedream_startup import CODE, LOADER, guard_imports, leave, wait_asleep


def main() -> int:
    """Import the command line, run it and return its exit code."""
    guard_imports()
    livedream_startup.owns_process = True
    wait_asleep()
    try:
        from livedream.cli.main import main as command

        if signal.getsignal(signal.SIGINT) is leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = command()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        code = CODE
    finally:
        # Python's last garbage collection examines all objects. With torch loaded that delayed the prompt by 0.4 s.
        gc.freeze()
    _leave_if_loading(code)
    return code


def _leave_if_loading(code: int) -> None:
    """End the process here if torch is still being imported: Python would wait for the import, which is useless now."""
    if not any(thread.name == LOADER for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # closed, or its reader is gone
            continue
    os._exit(code)
