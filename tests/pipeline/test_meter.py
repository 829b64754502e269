import pytest

from livedream.pipeline.meter import Meter, Rate, percentile


class Clock:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


def tick_at(rate, clock, *times):
    for seconds in times:
        clock.seconds = seconds
        rate.tick()


def test_five_ticks_bound_four_gaps():
    clock = Clock()
    rate = Rate(clock)
    tick_at(rate, clock, 100.0, 100.1, 100.2, 100.3, 100.4)
    assert rate.per_second == pytest.approx(10)


def test_a_rate_needs_two_ticks():
    clock = Clock()
    rate = Rate(clock)
    assert rate.per_second == 0
    rate.tick()
    assert rate.per_second == 0


def test_jitter_does_not_change_a_rate():
    clock = Clock()
    rate = Rate(clock)
    tick_at(rate, clock, 100.0, 100.01, 100.19, 100.2, 100.4)  # the mean of 1/gap would be 42
    assert rate.per_second == pytest.approx(10)


def test_a_rate_forgets_what_is_over():
    clock = Clock()
    rate = Rate(clock)
    tick_at(rate, clock, *(100 + n / 50 for n in range(50)))
    tick_at(rate, clock, 110.0, 110.5, 111.0)
    assert rate.per_second == pytest.approx(2)
    clock.seconds = 120.0
    assert rate.per_second == 0


def test_percentiles():
    # By hand: 21 values, so that each 5 % is one step.
    assert percentile(list(range(21)), 50) == 10
    assert percentile(list(range(21)), 95) == 19
    assert percentile([7.0], 95) == 7.0


def test_a_sink_without_frames_has_no_age():
    assert Meter(["file"], Clock()).report().sinks[0].age is None


def test_frames_left_out_are_counted_by_themselves():
    clock = Clock()
    meter = Meter((), clock)
    for _ in range(11):
        meter.captured()
        meter.skipped()
        clock.seconds += 0.1
    report = meter.report(dropped=2)
    assert (report.captured, report.dreamt, report.dropped, report.skipped) == (11, 0, 2, 11)
    assert report.skipped_fps == pytest.approx(10)


def test_ages_are_counted_per_sink_from_the_capture():
    clock = Clock()
    meter = Meter(["window", "file"], clock)
    for _ in range(3):
        captured_at = meter.captured()
        clock.seconds += 0.010
        meter.dreamt({"ascent": 0.02})
        meter.written(0, captured_at)
        clock.seconds += 0.030
        meter.written(1, captured_at)
    report = meter.report(dropped=2, sinks_dropped=[1, 0])
    window, file = report.sinks
    assert (report.captured, report.dreamt, report.dropped) == (3, 3, 2)
    assert (window.name, window.written, window.dropped) == ("window", 3, 1)
    assert (file.name, file.written, file.dropped) == ("file", 3, 0)
    assert window.age == pytest.approx((0.010, 0.010))
    assert file.age == pytest.approx((0.040, 0.040))
    assert report.seconds == pytest.approx(0.120)
    assert report.stages == {"ascent": (pytest.approx(0.02), pytest.approx(0.02))}
    assert report.dreamt_fps == pytest.approx(25)  # two gaps of 40 ms


def test_the_age_is_a_percentile_and_not_a_mean():
    clock = Clock()
    meter = Meter(["file"], clock)
    for milliseconds in [10] * 95 + [500] * 5:
        captured_at = meter.captured()
        clock.seconds += milliseconds / 1000
        meter.written(0, captured_at)
    (sink,) = meter.report().sinks
    # Rank 0.95 * 99 = 94.05 for the second: 0.010 + 0.05 * 0.490.
    assert sink.age == pytest.approx((0.010, 0.0345))
