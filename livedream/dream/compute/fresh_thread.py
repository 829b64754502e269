"""Functions that run work on a thread of its own, which ends with the work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def run_in_fresh_thread(work: Callable[[], Result]) -> Result:
    """Run `work` on a new thread, and return its result; its exceptions are raised here.

    OpenMP keeps a team of threads for every thread that has used torch. When there are more of them than processors,
    they sleep at each barrier instead of spinning: after one `prepare` on the main thread, the thread that dreams
    reached 15 frames per second on two cores instead of 25. A team ends with its thread.
    """
    with ThreadPoolExecutor(1, "livedream-alone") as one:
        return one.submit(work).result()


def begin_in_fresh_thread(work: Callable[[], Result]) -> Callable[[], Result]:
    """Start `work` on a new thread; return a function that waits for it, and returns its result or raises."""
    one = ThreadPoolExecutor(1, "livedream-alone")
    try:
        return one.submit(work).result
    finally:
        one.shutdown(wait=False)
