"""Which shard is dreamt next, and what becomes of shards that fail. It knows nothing of machines."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from livedream.farm.manifest import Shard

TRIES = 3
"""How often a shard is begun before it counts as failed."""


class Schedule:
    """The shards of a farm, each waiting, running, complete or failed.

    The longest come first, so that none of them is left at the end when most workers have nothing to do (LPT: R. L.
    Graham, "Bounds on Multiprocessing Timing Anomalies", 1969: at most 4/3 of the shortest possible time).
    """

    def __init__(self, shards: Iterable[Shard], complete: Iterable[int] = ()) -> None:
        """complete: the numbers of shards that are dreamt already."""
        self.complete = set(complete)
        self.failed: dict[int, str] = {}
        """By number, why a shard cannot be dreamt."""
        self.running: dict[int, str] = {}
        """By number, the worker that dreams a shard."""
        ordered = sorted(shards, key=lambda shard: (-(shard.frames + shard.warm_up), shard.number))
        self._waiting = [shard.number for shard in ordered if shard.number not in self.complete]
        self._tries: Counter[int] = Counter()
        self._failed_on: dict[int, set[str]] = {}
        """By number, the workers with which a shard has failed."""

    @property
    def finished(self) -> bool:
        """Whether every shard is complete or has failed."""
        return not self._waiting and not self.running

    @property
    def waiting(self) -> set[int]:
        """The numbers of the shards that wait for a worker."""
        return set(self._waiting)

    @property
    def open(self) -> int:
        """How many shards wait or run."""
        return len(self._waiting) + len(self.running)

    def next_for(self, worker: str, others: Collection[str] = ()) -> int | None:
        """Return the next shard for a worker; None if there is none.

        others: the other workers. A shard that has failed with this worker is left to one with which it has not.
        """
        for number in self._waiting:
            failed_on = self._failed_on.get(number, set())
            if worker not in failed_on or failed_on.issuperset(others):
                self._waiting.remove(number)
                self.running[number] = worker
                return number
        return None

    def done(self, number: int) -> None:
        """Note that a shard is complete."""
        self.running.pop(number, None)
        self.complete.add(number)

    def fail(self, number: int, reason: str) -> None:
        """Note that a shard has failed: it is tried again with another worker, or given up."""
        worker = self.running.pop(number)
        self._failed_on.setdefault(number, set()).add(worker)
        self._again(number, reason)

    def lose(self, number: int) -> None:
        """Note that the worker of a shard has ended: killed, out of memory, or its machine is gone."""
        self.running.pop(number)
        self._again(number, f"shard {number} ended its worker {TRIES} times: out of memory?")

    def sleep(self, number: int) -> None:
        """Take a shard from its worker, which has not begun it; it is not given to another before `wake`."""
        self.running.pop(number)

    def wake(self, number: int) -> None:
        """Let a shard wait for a worker again."""
        self._waiting.append(number)

    def _again(self, number: int, reason: str) -> None:
        self._tries[number] += 1
        if self._tries[number] >= TRIES:
            self.failed[number] = reason
        else:
            self._waiting.insert(0, number)

    def reasons(self, shards: Iterable[Shard]) -> Mapping[int, str]:
        """Return why shards have failed, by number, of those given."""
        return {shard.number: self.failed[shard.number] for shard in shards if shard.number in self.failed}
