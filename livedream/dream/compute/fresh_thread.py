"""Work for torch on a thread that ends with it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Found = TypeVar("Found")


def run_in_fresh_thread(work: Callable[[], Found]) -> Found:
    """Return what `work` returns, done on a thread of its own; what it raises is raised here.

    OpenMP keeps a team of threads for every thread that ever called torch, and once there are more of them than
    processors they stop spinning at each barrier and go to sleep: after one `prepare` on the main thread the thread
    that dreams got 15 frames per second on two cores instead of 25. A team ends with its thread.
    """
    with ThreadPoolExecutor(1, "livedream-alone") as one:
        return one.submit(work).result()


def begin_in_fresh_thread(work: Callable[[], Found]) -> Callable[[], Found]:
    """Begin `work` on a thread of its own; return the function that waits for it, and returns or raises so."""
    one = ThreadPoolExecutor(1, "livedream-alone")
    try:
        return one.submit(work).result
    finally:
        one.shutdown(wait=False)
