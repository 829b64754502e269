"""Captures what native code prints to standard error, where that is its only report of a failure."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable

_one_at_a_time = threading.Lock()


def capture_stderr(action: Callable[[], object]) -> str:
    """Run `action` and return what the whole process wrote to standard error (descriptor 2) meanwhile.

    The text is then written to standard error, so that no message of other threads is lost. Keep the action short.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as capture:
        stderr = os.dup(2)
        try:
            os.dup2(capture.fileno(), 2)
            try:
                action()
            finally:
                os.dup2(stderr, 2)
            capture.seek(0)
            text = capture.read()
            if text:
                with contextlib.suppress(OSError):  # a full disk, a terminal that is gone
                    os.write(stderr, text)
        finally:
            os.close(stderr)
    return text.decode(errors="replace")
