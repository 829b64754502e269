"""The lock file of an output: NAME.part.lock.

The lock is a lock of the kernel on this file, so it ends with the process, however that dies; the next run takes over
the file that is left behind. The file says who holds the lock, and which half-written files livedream made.
"""

import contextlib
import json
import os
import socket
import stat
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from livedream._version import __version__
from livedream.errors import SinkError
from livedream.formats.creation_time import creation_time

_TABLE = "livedream"
"""The key that distinguishes a lock file from a user's file of the same name."""
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_FRESH_SECONDS = 60
"""An empty lock file younger than this was just made by another run."""
_TRIES, _TRY_SECONDS = 100, 0.01
"""How often, and how many seconds apart, to look for the owner of a lock that was just taken."""

Identity = tuple[int, int]
"""Device and inode, which identify a file whatever its name."""

Mark = tuple[int, int]
"""Inode and time of birth: a file system gives the inode of a removed file to the next one that is made."""

ANNOUNCED: Mark = (0, 0)
"""The mark of a part that is about to be made."""


def identity(path: Path) -> Identity | None:
    """Return which file `path` is, through links of every kind; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def mark_of(file: Path | int) -> Mark:
    """Return the mark by which a part is recognized later.

    Args:
        file: The path of the part, or a descriptor of it.

    Raises:
        OSError: There is no such file.
    """
    status = os.stat(file)  # noqa: PTH116  also of a descriptor
    return status.st_ino, creation_time(file)


@dataclass(eq=False, slots=True)
class HeldLockFile:
    """A lock file that this process holds, for one or several outputs."""

    file: Path
    descriptor: int
    is_foreign: bool
    """Whether it existed before and was empty. It may be a user's file, so it is left empty again."""
    parts: dict[str, Mark] = field(default_factory=dict)
    """The half-written files that livedream made, by name."""
    owner: dict[str, Any] = field(default_factory=lambda: _this_process())
    outputs: list[str] = field(default_factory=list)
    count: int = 0
    """How many outputs of this process use it."""

    @property
    def identity(self) -> Identity:
        status = os.fstat(self.descriptor)
        return status.st_dev, status.st_ino

    def vouches(self, part: Path) -> bool:
        """Return whether `part` exists and livedream made it, under whatever name: a draft becomes a part."""
        try:
            status = part.stat()
        except OSError:
            return False
        if status.st_dev != self.identity[0]:
            return False
        is_announced = self.parts.get(part.name) == ANNOUNCED and not status.st_size
        return is_announced or (status.st_ino, creation_time(part)) in self.parts.values()

    def write(self) -> None:
        """Write who holds the lock and which parts are ours. The file is readable whenever the process is killed."""
        data = json.dumps({**self.owner, "outputs": self.outputs, "parts": self.parts}).encode()
        data = data.ljust(os.fstat(self.descriptor).st_size)  # blanks cover the end of longer content
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        while data:
            data = data[os.write(self.descriptor, data) :]

    def close(self) -> None:
        """Release the lock. The file is removed while it is still locked, so that no other run's file is removed."""
        parts_remain = any(self.vouches(self.file.with_name(name)) for name in self.parts)
        with contextlib.suppress(OSError):  # a leftover does no harm
            if self.is_foreign and not parts_remain:
                os.ftruncate(self.descriptor, 0)
            elif not parts_remain and sys.platform != "win32":
                self.file.unlink(missing_ok=True)
        os.close(self.descriptor)
        if sys.platform == "win32" and not parts_remain and not self.is_foreign:
            with contextlib.suppress(OSError):  # another run has it open by now
                self.file.unlink(missing_ok=True)


def take(file: Path, output: Path, shown: str) -> HeldLockFile:
    """Lock `file` and return it.

    Args:
        file: The lock file; it is made if needed.
        output: The output, for error messages.
        shown: The name of the output as other runs show it.

    Raises:
        SinkError: Another process holds the lock, or the file is not a lock file of livedream.
        OSError: The file cannot be made.
    """
    while True:
        descriptor, made = _open(file)
        locked = False
        try:
            content = b"" if made else _read(descriptor)
            owner = _parse_owner(content)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode) or (content and owner is None):
                raise SinkError(f"{file} is not a lock file of livedream", "move it away, or choose another name")
            locked = _lock(descriptor, owner, made)
            if not locked:
                raise _held_error(output, file, _await_owner(descriptor), shown)
            status = os.fstat(descriptor)
            if identity(file) == (status.st_dev, status.st_ino):  # otherwise its former holder has just removed it
                owner = _parse_owner(_read(descriptor)) or {}
                is_foreign = not made and not content and time.time() - status.st_mtime > _FRESH_SECONDS
                held = HeldLockFile(file, descriptor, is_foreign, _parts(owner))
                held.outputs.append(shown)
                held.write()
                return held
        except BaseException:
            if made and locked:
                with contextlib.suppress(OSError):
                    file.unlink()
            os.close(descriptor)
            raise
        os.close(descriptor)


def refuse_held(file: Path, output: Path) -> None:
    """Raise SinkError when another process holds the lock `file`, which `output` needs only to be free."""
    if not file.is_file():
        return
    try:
        descriptor = os.open(file, _FLAGS)
    except OSError:  # it was just removed, or cannot be read
        return
    try:
        owner = _parse_owner(_read(descriptor))
        if owner is not None and not _lock(descriptor, owner, made=False):
            raise _held_error(output, file, _await_owner(descriptor))
    finally:
        os.close(descriptor)


def _this_process() -> dict[str, Any]:
    return {
        _TABLE: __version__,
        "pid": os.getpid(),
        "started": _start_time(os.getpid()),
        "host": socket.gethostname(),
        "program": _program(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


def _open(file: Path) -> tuple[int, bool]:
    """Return a descriptor of `file`, and whether it was just made."""
    while True:
        try:
            return os.open(file, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # it was removed in between
                return os.open(file, _FLAGS), False


def _read(descriptor: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return b""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 1 << 16)


def _parse_owner(content: bytes) -> dict[str, Any] | None:
    """Return what a lock file says; None for a file that livedream did not write."""
    try:
        owner = json.loads(content)
    except ValueError:  # also what is not text
        return None
    return owner if isinstance(owner, dict) and _TABLE in owner else None


def _parts(owner: dict[str, Any]) -> dict[str, Mark]:
    """Return the half-written files that a lock file lists."""
    parts = owner.get("parts")
    if not isinstance(parts, dict):
        return {}
    return {name: (mark[0], mark[1]) for name, mark in parts.items() if isinstance(mark, list) and len(mark) == 2}


def _await_owner(descriptor: int) -> dict[str, Any] | None:
    """Return who holds a lock: a process writes that after it has taken the lock."""
    owner = None
    for _ in range(_TRIES):
        owner = _parse_owner(_read(descriptor))
        if owner is not None and _is_alive(owner):
            break
        time.sleep(_TRY_SECONDS)
    return owner


def _held_error(output: Path, file: Path, owner: dict[str, Any] | None, shown: str = "") -> SinkError:
    """Return the error for an output that another run writes."""
    hint = "wait until it ends, stop it, or choose another name"
    if not owner:
        return SinkError(f"{output} is being written by another run", hint)
    who = f"{owner.get('program')}, process {owner.get('pid')}"
    if owner.get("host") != socket.gethostname():
        who += f" on {owner.get('host')}"
        hint += f"; remove {file} if that run is dead"
    outputs = [str(name) for name in owner.get("outputs") or ()]
    what = "is being written by another run"
    if outputs and shown not in outputs:
        what = f"cannot be written while another run writes {outputs[0]}, which shares its temporary files"
    return SinkError(f"{output} {what}: {who}, since {owner.get('since')}", hint)


def _program() -> str:
    """Return the name of this program, without its arguments, which may contain passwords."""
    path = Path(sys.argv[0] if sys.argv else "")
    return path.parent.name if path.name == "__main__.py" else path.name or "python"


# Locks of the system --------------------------------------------------------------------------------------------------

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """The byte that is locked: Windows lets no process read what is locked, and the owner must be readable."""

    def _lock(descriptor: int, owner: dict[str, Any] | None, made: bool) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int, owner: dict[str, Any] | None, made: bool) -> bool:
        """Lock the file. Return False when another process has locked it.

        Some network disks have no locks. There the lock is taken when the file was just made, or its owner is dead.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return made or owner is None or not _is_alive(owner)
        return True


def _is_alive(owner: dict[str, Any]) -> bool:
    """Return whether the process that wrote a lock file still runs. True for a process of another machine."""
    pid = owner.get("pid")
    if sys.platform == "win32":  # its os.kill ends a process
        return True
    if owner.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return _start_time(pid) == owner.get("started")


def _start_time(pid: int) -> str:
    """Return when a process started, in a form to compare, on Linux only; "" elsewhere. Process ids are reused."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
