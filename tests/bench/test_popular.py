import numpy as np
from skimage import data

from benchmarks.popular import STILL_SIZE, PlainStill, still_settings
from livedream.dream import still
from livedream.dream.dreamer import Dreamer
from livedream.dream.image.octaves import octave_shapes
from livedream.dream.still import still_shapes


def test_the_plain_loop_does_the_same_work(monkeypatch) -> None:
    """The dreams differ only in how octaves are interpolated, in the order of sums, and in the clipping protection."""
    monkeypatch.setattr(still, "_SOFT", 1e-9)
    monkeypatch.setattr(still, "_within", lambda dream, picture: dream)
    photo = np.ascontiguousarray(data.chelsea()[60:156, 100:228])
    settings = still_settings("squeezenet").replace(still_steps=3, precision="float32", smallest_octave=35)
    plain, ours = PlainStill(settings)(photo).astype(int), Dreamer(settings)(photo).astype(int)
    dreamt = [(picture - photo).ravel() for picture in (plain, ours)]
    assert np.corrcoef(*dreamt)[0, 1] > 0.95
    assert np.abs(dreamt[0]).mean() > 5


def test_a_still_has_the_four_octaves_of_deepdream() -> None:
    settings = still_settings("squeezenet")
    sizes = still_shapes(settings, STILL_SIZE[1], STILL_SIZE[0], smallest=32)
    assert sizes == [(360, 640), (257, 457), (184, 327), (131, 233)]  # each 1.4 times smaller
    assert sizes == octave_shapes(sizes[0], settings.octaves, settings.octave_scale, 32)
