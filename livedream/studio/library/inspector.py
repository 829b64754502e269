"""Starts the inspection of a file, and waits for it no longer than it may take."""

import json
import subprocess
import threading
from pathlib import Path

from pydantic import ValidationError

from livedream.studio.library.entries import Facts
from livedream.studio.library.errors import UndecodableError
from livedream.studio.library.messages import with_names
from livedream.studio.library.process import command, environment

SECONDS = 30.0
"""Of the clock. The limit of the processor's time alone would not end a process that waits."""
_LARGEST = 1 << 20
"""Bytes of an answer. A JPEG of 320x320 has less than a tenth of that."""
_turn = threading.Lock()
"""One inspection at a time: each may take 2 GiB."""


def inspect_file(path: Path, media_type: str, name: str, seconds: float = SECONDS) -> tuple[Facts, bytes]:
    """Return what the file at `path` contains, and a small JPEG of it, as a process of its own found out.

    Args:
        path: of the file.
        media_type: its type by its first bytes.
        name: of the file for people; it replaces the path in messages.
        seconds: how long it may take.

    Raises:
        UndecodableError: it is neither a picture nor a film, or is damaged or too large.
    """
    with _turn:
        answer = _answer(path, media_type, seconds)
    if answer is None:
        raise UndecodableError(f"{name} takes too long to decode", "make it smaller first")
    line, _, preview = answer.partition(b"\n")
    try:
        document = json.loads(line)
        if "facts" in document:
            return Facts.model_validate(document["facts"]), preview
        message, hint = str(document["message"]), str(document["hint"])
    except (ValueError, KeyError, TypeError, ValidationError):  # it was killed by one of its limits
        raise UndecodableError(f"{name} cannot be decoded", "open it with another program to check") from None
    raise UndecodableError(with_names(message, {path: name}), hint)


def _answer(path: Path, media_type: str, seconds: float) -> bytes | None:
    """Return what an inspection prints, None if it took too long."""
    late = threading.Event()
    # One thread each: a stack and a heap for each thread count as memory.
    variables = environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    process = subprocess.Popen(
        command("livedream.studio.library.inspection", str(path.absolute()), media_type),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=variables,
    )

    def give_up() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, give_up)
    timer.name = "livedream-inspection"
    timer.start()
    try:
        with process:  # waits for its end
            answer = process.stdout.read(_LARGEST) if process.stdout is not None else b""
            if len(answer) == _LARGEST:
                process.kill()
    finally:
        timer.cancel()
        timer.join()
    return None if late.is_set() else answer
