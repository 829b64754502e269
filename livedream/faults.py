"""Explains errors of libraries and the operating system in one line, with a hint.

Code that expects an error raises a LivedreamError itself. Unexpected errors end up here: at the top of the command
line, at one item of a batch, at one sink of a live run, in a thread.
"""

import errno
import re
from typing import NamedTuple

from livedream.errors import ArgumentError, LivedreamError

LONGEST = 500
"""Most characters of a message: some libraries quote their whole input."""

OUTSIDE, WRONG = 1, 2
"""Exit codes: something outside or livedream itself failed; an argument is wrong."""


class Fault(NamedTuple):
    """An error as the command line reports it."""

    message: str
    """One line."""
    hint: str
    exit_code: int


def explain(error: BaseException) -> Fault:
    """Return the message, hint and exit code for any error. A bug of livedream is an internal error."""
    if isinstance(error, ArgumentError):
        return Fault(str(error), error.hint.command_line, WRONG)
    if isinstance(error, LivedreamError):
        return Fault(str(error), error.hint.command_line, OUTSIDE)
    message, hint = _explain_foreign(error)
    return Fault(_one_line(message), hint, OUTSIDE)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out, according to `error` or to an error during which it was raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM):
            return True
        if (isinstance(cause, RuntimeError | ImportError) or _CV2 in _kinds(cause)) and _MEMORY.search(str(cause)):
            return True
        cause = cause.__context__
    return False


# torch's allocators and those below it (CUDA, cuBLAS, cuDNN, Metal), OpenCV, C++.
_MEMORY = re.compile(
    "out of memory|allocate memory|Failed to alloc|ALLOC(ATION)?_FAILED|Insufficient memory|bad_alloc"
    "|failed to map segment"  # the dynamic linker, of a library
)
_AMOUNT = re.compile(r"allocate (?:memory: you tried to allocate )?([\d.]+) ?(bytes|[KMGTPE]iB)", re.IGNORECASE)
_UNITS = {"bytes": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "pib": 2**50, "eib": 2**60}
_GPU = re.compile(r"CUDA|cuDNN|CUDNN|CUBLAS|MPS|NCCL|HIP error")

_HINTS = {
    errno.ENOSPC: "free some disk space, or choose another folder",
    errno.EDQUOT: "free some disk space, or choose another folder",
    errno.EFBIG: "choose a file system that allows larger files",
    errno.EACCES: "check the permissions, or choose another folder",
    errno.EPERM: "check the permissions, or choose another folder",
    errno.EROFS: "choose another folder",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOENT: "check the name; relative names start in the current folder",
    errno.ENOTDIR: "check the name; relative names start in the current folder",
    errno.ELOOP: "check the symbolic links in the path",
    errno.EMFILE: "close other programs, or raise the limit: ulimit -n 4096",
    errno.ENFILE: "close other programs, or raise the limit: ulimit -n 4096",
    errno.EIO: "the disk or the connection may be failing",
}
_CV2 = ("cv2", "error")
_REPORT = "run it again with -vv for the traceback, and report it"


def _explain_foreign(error: BaseException) -> tuple[str, str]:
    """Return the message and hint for an error that is not one of livedream's own."""
    kinds, text = _kinds(error), str(error)
    if is_out_of_memory(error):
        hint = "dream smaller (--working-height, --still-height, --size), or close other programs"
        return f"out of memory{_requested_memory(error)}", hint
    if isinstance(error, RecursionError):
        return "an expression or a file is nested too deeply", "simplify it"
    if ("av", "FFmpegError") in kinds:
        return _named(error, f"FFmpeg: {_reason(error)}"), "play the file with another program to check"
    if _CV2 in kinds:
        return f"OpenCV: {getattr(error, 'err', '') or text}", _REPORT
    if ("PIL", "UnidentifiedImageError") in kinds or ("PIL", "DecompressionBombError") in kinds:
        return f"a picture cannot be read: {text}", "open it with another program to check"
    if any(name == "SafetensorError" for _, name in kinds):
        return f"a weights file is damaged: {text}", "download it again"
    if isinstance(error, OSError):
        return _named(error, _reason(error)), _HINTS.get(
            error.errno or 0, "check the file, the disk and the connection"
        )
    if isinstance(error, UnicodeError):
        return f"a name or a text file is not UTF-8: {text}", "rename the file, or save it as UTF-8"
    if isinstance(error, OverflowError):
        return f"a number is too large: {text}", "use smaller numbers"
    if isinstance(error, ValueError) and "integer string conversion" in text:  # more than 4300 digits
        return "a number has too many digits", "use smaller numbers"
    if ("torch", "AcceleratorError") in kinds or (isinstance(error, RuntimeError) and _GPU.search(text)):
        return f"the GPU failed: {text.partition(chr(10))[0]}", "use --device cpu to run without it"
    return f"internal error: {type(error).__name__}: {text}".removesuffix(": "), _REPORT


def _kinds(error: BaseException) -> set[tuple[str, str]]:
    """Return the (package, class) pairs of `error`. The packages are not imported: loading torch takes seconds."""
    return {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _named(error: BaseException, message: str) -> str:
    """Put the file name of `error` before the message, but not an address, which may contain a password."""
    name = getattr(error, "filename", None)
    if isinstance(name, bytes):
        name = name.decode(errors="replace")
    return f"{name}: {message}" if isinstance(name, str) and name and "://" not in name else message


def _requested_memory(error: BaseException) -> str:
    """Return `: 12.3 GB were requested` if the error says so."""
    found = _AMOUNT.search(str(error))
    if not found:
        return ""
    return f": {float(found[1]) * _UNITS[found[2].lower()] / 1e9:.1f} GB were requested"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
