"""Which shard comes next, and what becomes of those that fail."""

from fractions import Fraction

from livedream.farm.manifest import Shard
from livedream.farm.schedule import Schedule


def shard(number: int, frames: int, warm_up: int = 0) -> Shard:
    return Shard(
        number=number,
        first=0,
        frames=frames,
        time=Fraction(0),
        end=None,
        begin="",
        digest="",
        warm_up=warm_up,
    )


SHARDS = [shard(1, 10), shard(2, 50), shard(3, 30, warm_up=25), shard(4, 50)]


def test_the_longest_come_first() -> None:
    schedule = Schedule(SHARDS)
    assert [schedule.next_for("a") for _ in range(5)] == [3, 2, 4, 1, None]
    for number in (3, 2, 4, 1):
        assert not schedule.finished
        schedule.done(number)
    assert schedule.finished
    assert schedule.complete == {1, 2, 3, 4}


def test_what_is_complete_is_not_given_out() -> None:
    schedule = Schedule(SHARDS, complete=[3, 2])
    assert [schedule.next_for("a") for _ in range(3)] == [4, 1, None]


def test_a_failure_goes_to_another_worker_and_is_given_up_after_three() -> None:
    schedule = Schedule([shard(1, 10), shard(2, 5)])
    assert schedule.next_for("a", ["b"]) == 1
    schedule.fail(1, "why")
    assert schedule.next_for("a", ["b"]) == 2  # the first one is left to others
    assert schedule.next_for("a", ["b"]) is None
    assert schedule.next_for("b", ["a"]) == 1
    schedule.fail(1, "why")
    assert schedule.next_for("b", ["a"]) == 1  # it has failed with both
    schedule.fail(1, "the last reason")
    assert schedule.failed == {1: "the last reason"}
    assert schedule.reasons([shard(1, 10), shard(2, 5)]) == {1: "the last reason"}
    schedule.done(2)
    assert schedule.finished


def test_a_shard_that_ends_its_worker_three_times_is_given_up() -> None:
    schedule = Schedule([shard(7, 10)])
    for worker in "abc":
        assert schedule.next_for(worker, ["d"]) == 7
        schedule.lose(7)
    assert schedule.failed == {7: "shard 7 ended its worker 3 times: out of memory?"}


def test_a_shard_of_another_process_waits() -> None:
    schedule = Schedule([shard(1, 10)])
    assert schedule.next_for("a") == 1
    schedule.sleep(1)
    assert schedule.next_for("a") is None
    schedule.wake(1)
    assert schedule.waiting == {1}
    assert schedule.next_for("a") == 1
