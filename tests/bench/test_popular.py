import numpy as np
from skimage import data

from livedream.bench.popular import PlainStill, seconds_of, still_settings
from livedream.dream.dreamer import Dreamer


def test_the_plain_loop_does_the_same_work() -> None:
    """The same dream, but for how octaves are interpolated and the order of sums."""
    photo = np.ascontiguousarray(data.chelsea()[60:156, 100:228])
    settings = still_settings("squeezenet").replace(still_steps=3, precision="float32")
    plain, ours = PlainStill(settings)(photo).astype(int), Dreamer(settings)(photo).astype(int)
    dreamt = [(picture - photo).ravel() for picture in (plain, ours)]
    assert np.corrcoef(*dreamt)[0, 1] > 0.95
    assert np.abs(dreamt[0]).mean() > 5


def test_ways_take_turns_and_the_first_round_does_not_count() -> None:
    called: list[str] = []
    found = seconds_of({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 2)
    assert called == ["a", "b"] * 3
    assert set(found) == {"a", "b"}
