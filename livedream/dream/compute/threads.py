"""How many threads the network and OpenCV take, and how the threads of OpenMP wait for one another."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import torch

from livedream_launcher import SPINNING

_GRAIN = 32768
"""Elements from which on torch gives each thread a share of an elementwise operation (at::internal::GRAIN_SIZE)."""


def processors() -> int:
    """Return how many processors this process may use: those of its affinity and of its control group."""
    return cv2.getNumberOfCPUs()


@dataclass(slots=True)
class _Sharing:
    """Who is inside `sharing_cores`. The thread count of OpenCV belongs to the process, not to a thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    network: int = 1
    """Threads of torch and of OpenCV before the first came in, which the last one to leave gives back."""
    opencv: int = 1


_sharing = _Sharing()
_this_thread = threading.local()


@contextmanager
def sharing_cores(opencv: int | None = None) -> Iterator[None]:
    """Inside, this thread's network and OpenCV leave a core to the threads that decode, look, compose and encode.

    opencv: how many threads OpenCV takes, if it is the first to come in; all but one by default.

    To be entered by the thread that dreams. On two cores the network then works on one alone: a step of a stream takes
    a third longer, but nothing waits for a thread that another keeps from its core (8 ms a layer were seen), and films
    of 1280x720 are dreamt at 56 frames per second instead of 50.

    It may be nested, and several threads may be inside at a time: the counts are lowered once, and given back.
    """
    if getattr(_this_thread, "shares", False):
        yield
        return
    with _sharing.lock:
        # Asked even where it is not used: a thread that never asked takes the process's count over what is set here.
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
    """Let torch work on the calling thread alone, from now on; for a thread that is made for small networks.

    torch.set_num_threads also says how many threads of the processor a thread takes that calls torch for the first
    time later. That number is given back at once, from another thread; who enters `sharing_cores` meanwhile waits.
    """
    with _sharing.lock:
        count = torch.get_num_threads()
        torch.set_num_threads(1)
        giver = threading.Thread(target=torch.set_num_threads, args=(count,), name="livedream-threads")
        giver.start()
        giver.join()


@contextmanager
def sleeping_at_barriers() -> Iterator[None]:
    """Inside, threads of OpenMP that wait for one another go to sleep at once, in place of spinning for milliseconds.

    Beside programs that keep the processor busy, a thread that spins takes the time of the one it waits for. Beside
    three of them, on two cores, a step of a 1280x720 still took 6,500 ms, and with this 100 ms. Alone, it costs some
    percent.

    GNU's OpenMP reads how long to spin (GOMP_SPINCOUNT) once, when it is loaded, but spins 100 times only while the
    process has more OpenMP threads than processors, as its manual says. So a second team is kept for as long as it
    takes. Other OpenMP runtimes take no notice. Nothing remains: a team ends with its thread. The command `livedream`
    needs no second team, it says how long to spin before OpenMP is loaded.
    """
    count = torch.get_num_threads()
    if count == 1 or any(name in os.environ for name in SPINNING):  # nobody to wait for, or decided
        yield
        return
    made, done = threading.Event(), threading.Event()

    def keep_a_team() -> None:
        try:
            torch.set_num_threads(count)
            torch.zeros(count * _GRAIN, dtype=torch.uint8)
        finally:
            made.set()
        done.wait()

    # A daemon, because Ctrl-C may come while it starts: a thread that waits would keep the program from ending.
    keeper = threading.Thread(target=keep_a_team, name="livedream-openmp", daemon=True)
    try:
        keeper.start()
        made.wait()
        yield
    finally:
        done.set()
        if keeper.is_alive():
            keeper.join()
