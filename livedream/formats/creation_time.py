"""When a file was made."""

import ctypes
import os
import struct
import sys
from pathlib import Path

# <linux/stat.h>. Python has no os.statx before 3.15.
_EMPTY_PATH = 0x1000
_BIRTH = 0x800
_SIZE = 256
_BIRTH_AT = 80


def creation_time(file: Path | int) -> int:
    """Return when a file was made, in nanoseconds; 0 where the system does not tell.

    file: its path, or a descriptor of it. Raises OSError when there is no such file.
    """
    found = os.stat(file)  # noqa: PTH116  also of a descriptor
    if sys.platform != "linux":
        seconds = getattr(found, "st_birthtime", 0)
        return round(seconds * 10**9)
    path, flags = (b"", _EMPTY_PATH) if isinstance(file, int) else (os.fsencode(file.absolute()), 0)
    buffer = ctypes.create_string_buffer(_SIZE)
    try:
        failed = ctypes.CDLL(None).statx(file if isinstance(file, int) else 0, path, flags, _BIRTH, buffer)
    except AttributeError:  # a C library from before 2018
        return 0
    (mask,) = struct.unpack_from("=I", buffer)
    if failed or not mask & _BIRTH:  # the kernel or the file system does not know it
        return 0
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BIRTH_AT)
    return int(seconds) * 10**9 + int(nanoseconds)
