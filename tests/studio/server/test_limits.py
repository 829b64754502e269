"""Rates and numbers of connections."""

from livedream.studio.server import limits
from livedream.studio.server.limits import RateLimit, Slots


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 5.0, clock)
    assert [limit.allows("a") for _ in range(6)] == [True] * 5 + [False]
    clock.now += 1.0
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]


def test_each_address_has_its_own() -> None:
    limit = RateLimit(1.0, 1.0, Clock())
    assert limit.allows("a")
    assert not limit.allows("a")
    assert limit.allows("b")


def test_looking_takes_nothing() -> None:
    limit = RateLimit(1.0, 1.0, Clock())
    assert all(limit.allows("a", 0.0) for _ in range(10))
    assert limit.allows("a")
    assert not limit.allows("a", 0.0)


def test_addresses_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr(limits, "MOST_ADDRESSES", 2)
    limit = RateLimit(1.0, 1.0, Clock())
    for address in "abc":
        limit.allows(address)
    assert limit.allows("a")  # forgotten, so it begins anew
    assert not limit.allows("c")


def test_slots_are_taken_and_freed() -> None:
    slots = Slots(2)
    assert [slots.take() for _ in range(3)] == [True, True, False]
    slots.free()
    assert slots.take()
