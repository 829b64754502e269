"""Number of threads for the network and OpenCV, and the way OpenMP threads wait for each other."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import torch

from livedream_startup import SPINNING

_GRAIN = 32768
"""Number of elements from which torch divides an elementwise operation among threads (at::internal::GRAIN_SIZE)."""


def processors() -> int:
    """Return the number of processors that this process may use, by its affinity and its control group."""
    return cv2.getNumberOfCPUs()


@dataclass(slots=True)
class _Sharing:
    """State of `sharing_cores`. The thread count of OpenCV is one for the process, not per thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    """Number of threads in the context."""
    network: int = 1
    """Thread count of torch before the first thread entered; the last one to leave restores it."""
    opencv: int = 1
    """Thread count of OpenCV, likewise."""


_sharing = _Sharing()
_pinned: int | None = None
_before: tuple[int, int] | None = None
"""The threads of torch and OpenCV before they were pinned."""
_this_thread = threading.local()


def pin_threads(count: int | None) -> None:
    """Let torch and OpenCV use `count` threads in this process from now on, however many cores it has; None: as before.

    Gradients in torch and OpenCV's DIS flow differ in their last bits from one number of threads to another. Parts of
    a film that are dreamt on different machines need the same number.
    """
    global _pinned, _before
    if count is None:
        if _before is not None:
            torch.set_num_threads(_before[0])
            cv2.setNumThreads(_before[1])
        _pinned = _before = None
        return
    _before = _before or (torch.get_num_threads(), cv2.getNumThreads())
    _pinned = count
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


@contextmanager
def sharing_cores(opencv: int | None = None) -> Iterator[None]:
    """Context in which torch on this thread, and OpenCV, leave a core to the threads that decode, compose and encode.

    The thread that dreams enters it. On two cores the network then uses only one: a step of a stream takes a third
    longer, but no layer waits for a thread that has lost its core (8 ms per layer were measured), and videos of
    1280x720 are dreamt at 56 frames per second instead of 50.

    It may be nested, and several threads may be inside at the same time: the counts are reduced once, and restored.
    After `pin_threads` it changes nothing.

    Args:
        opencv: number of threads for OpenCV, if this thread is the first to enter; one less than before by default.
    """
    if _pinned is not None or getattr(_this_thread, "shares", False):
        yield
        return
    with _sharing.lock:
        # Read even if unused: a thread that has never read it would replace what is set here by the process's count.
        network = torch.get_num_threads()
        if _sharing.inside == 0:
            _sharing.network, _sharing.opencv = network, cv2.getNumThreads()
            cv2.setNumThreads(opencv or max(1, _sharing.opencv - 1))
        _sharing.inside += 1
        torch.set_num_threads(max(1, _sharing.network - 1))
    _this_thread.shares = True
    try:
        yield
    finally:
        _this_thread.shares = False
        with _sharing.lock:
            _sharing.inside -= 1
            torch.set_num_threads(_sharing.network)
            if _sharing.inside == 0:
                cv2.setNumThreads(_sharing.opencv)


def take_one_thread() -> None:
    """Let torch use only the calling thread from now on; for a thread that runs small networks.

    torch.set_num_threads also sets the thread count for threads that use torch for the first time later. That count is
    restored at once, from another thread; a thread that enters `sharing_cores` meanwhile waits.
    """
    with _sharing.lock:
        count = torch.get_num_threads()
        torch.set_num_threads(1)
        restorer = threading.Thread(target=torch.set_num_threads, args=(count,), name="livedream-threads")
        restorer.start()
        restorer.join()


@contextmanager
def sleeping_at_barriers() -> Iterator[None]:
    """Context in which OpenMP threads that wait for each other sleep at once, instead of spinning for milliseconds.

    Beside programs that keep the processor busy, a spinning thread takes time from the thread it waits for. Beside
    three of them on two cores, a step of a 1280x720 still took 6,500 ms without this context, and 100 ms with it. On an
    idle machine it costs some percent.

    GNU's OpenMP reads the spin count (GOMP_SPINCOUNT) once, when it is loaded, but reduces it to 100 while the process
    has more OpenMP threads than processors, as its manual says. So this context keeps a second team of threads alive.
    It has no effect on other OpenMP runtimes, and leaves nothing behind: a team ends with its thread. The command
    `livedream` needs no second team, because it sets the spin count before OpenMP is loaded.
    """
    count = torch.get_num_threads()
    if count == 1 or any(
        name in os.environ for name in SPINNING
    ):  # no thread to wait for, or the user has set the spin count
        yield
        return
    is_made, is_done = threading.Event(), threading.Event()

    def keep_a_team() -> None:
        try:
            torch.set_num_threads(count)
            torch.zeros(count * _GRAIN, dtype=torch.uint8)
        finally:
            is_made.set()
        is_done.wait()

    # A daemon, because Ctrl-C may come while it starts: a waiting thread would keep the program from ending.
    keeper = threading.Thread(target=keep_a_team, name="livedream-openmp", daemon=True)
    try:
        keeper.start()
        is_made.wait()
        yield
    finally:
        is_done.set()
        if keeper.is_alive():
            keeper.join()
