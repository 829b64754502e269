"""What native code says on standard error, where that is all it says about a failure."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable

_one_at_a_time = threading.Lock()


def capture_stderr(action: Callable[[], object]) -> str:
    """Do `action`, and return what the whole process wrote on standard error (descriptor 2) meanwhile.

    It appears there afterwards, so nothing of what others say is lost. Keep the action short.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as ear:
        mouth = os.dup(2)
        try:
            os.dup2(ear.fileno(), 2)
            try:
                action()
            finally:
                os.dup2(mouth, 2)
            ear.seek(0)
            said = ear.read()
            if said:
                with contextlib.suppress(OSError):  # a full disk, a terminal that is gone
                    os.write(mouth, said)
        finally:
            os.close(mouth)
    return said.decode(errors="replace")
