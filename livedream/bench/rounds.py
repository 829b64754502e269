"""Variants that are timed in turns, because the speed of a machine drifts."""

import statistics
import time
from collections.abc import Callable, Mapping


def median_seconds(variants: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 0) -> dict[str, float]:
    """Time functions in turns.

    Args:
        variants: functions by name; each round calls each of them once.
        rounds: number of rounds that count.
        warm_up: number of rounds before them that do not count.

    Returns:
        The median seconds of a call, by name.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(warm_up + rounds):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if number >= warm_up:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}
