"""The clock of a film. The expected times are worked out by hand."""

from livedream.capture.decoding.timestamps import Timestamps


def test_missing_repeated_and_backward_times_increase() -> None:
    clock = Timestamps(40, first=0, jump=1000)
    told = [0, 40, 40, 30, None, 200, -5000, -4960]
    shown = [0, 40, 41, 42, 82, 200, 240, 280]
    assert [clock.read(ticks) for ticks in told] == shown
    assert clock.mended == 4


def test_begins_at_zero_where_the_film_does_not() -> None:
    clock = Timestamps(1, first=1000, jump=100)
    assert [clock.read(1002), clock.read(1005)] == [2, 5]
    assert clock.mended == 0


def test_film_without_any_time() -> None:
    clock = Timestamps(40, first=0, jump=1000)
    assert [clock.read(None) for _ in range(3)] == [0, 40, 80]
    assert clock.mended == 3
