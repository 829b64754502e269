from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from livedream import models
from livedream.bench.baseline import Baseline
from livedream.dream.dreamer import Dreamer
from livedream.frame import Frame
from livedream.settings import DreamSettings

PLAIN = DreamSettings(layers="fire4", working_height=128, octaves=1, jitter=0, precision="float32")


def dreamt_by_both(settings: DreamSettings, frames: int = 3) -> list[np.ndarray]:
    """Return dream minus source, int (128, 192, 3), of livedream and the baseline, at the end of a still scene."""
    dreamer = Dreamer(settings)
    plain = Baseline(settings, models.load("squeezenet"), dreamer.engine.ascent, (192, 128))
    pixels = np.random.default_rng(0).integers(60, 200, (128, 192, 3), np.uint8)
    for number in range(frames):
        ours, theirs = dreamer(Frame(pixels, Fraction(number), number)).pixels, plain(pixels)
    return [image.astype(int) - pixels for image in (ours, theirs)]


@pytest.mark.parametrize(
    "look",
    [
        {},
        {"pooling": "average"},
        {"natural_color": 0},
        {"natural_color": 2},
        {"coarseness": 0},
        {"coarseness": 2},
        {"steps": 2, "temporal_smoothing": 0.8},
        {"zoom": 1.05},
        {"layers": "fire9 | fire3"},
        {"layers": "direction(fire4, 10, 20, 30, 40)"},
        {"layers": "fire4/concat - 0.5*tv"},
    ],
    ids=str,
)
def test_the_baseline_dreams_the_same_dream(look) -> None:
    """Without jitter the dreams differ only in the rounding of resized images, so the comparison is fair."""
    ours, theirs = dreamt_by_both(PLAIN.replace(**look))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98
    assert np.abs(ours).mean() == pytest.approx(np.abs(theirs).mean(), rel=0.1)


def test_a_class_is_dreamed_too() -> None:
    """SqueezeNet's own logits end in a ReLU, which livedream leaves out: the same work, a slightly different dream."""
    ours, theirs = dreamt_by_both(PLAIN.replace(model="squeezenet", layers="class:goldfinch"))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.7


def test_octaves_take_turns() -> None:
    """The two resize differently, so the dreams are similar, not equal. Steps at the full size only would add more."""
    ours, theirs = dreamt_by_both(PLAIN.replace(octaves=3))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.8
    assert np.abs(ours).mean() == pytest.approx(np.abs(theirs).mean(), rel=0.1)


def test_a_mask_keeps_the_source(tmp_path) -> None:
    left = np.zeros((128, 192), np.uint8)
    left[:, :96] = 255
    Image.fromarray(left).save(tmp_path / "left.png")
    _, theirs = dreamt_by_both(PLAIN.replace(layers=f"fire4 + mask:{tmp_path}/left.png"))
    assert np.abs(theirs[:, :80]).mean() > 1
    assert np.abs(theirs[:, 112:]).max() == 0
