"""MediaPipe's network in torch matches the original."""

import numpy as np
import torch
from skimage import data

from livedream.dream.image import person

# What ai-edge-litert 2.3.0, Google's own program for TFLite files, gives for selfie_segmentation_landscape.tflite of
# the npm package @mediapipe/selfie_segmentation 0.1.1675465747, where it is neither sure that there is a person nor
# that there is none; and its mean.
ORIGINAL = {
    (4, 83): 0.2360,
    (19, 120): 0.5623,
    (78, 162): 0.6709,
    (81, 215): 0.7794,
    (119, 10): 0.2822,
    (126, 123): 0.7088,
    (139, 130): 0.6752,
    (139, 248): 0.3126,
}
ORIGINAL_MEAN = 0.62244606


def test_the_output_matches_the_original() -> None:
    # Every second pixel: no scaling, which differs between programs.
    pixels = np.ascontiguousarray(data.astronaut()[200:488:2, ::2])
    found = person._segment(pixels)
    assert found.shape == (144, 256)
    assert abs(found.mean() - ORIGINAL_MEAN) < 1e-5
    assert max(abs(found[place] - value) for place, value in ORIGINAL.items()) < 2e-4


def test_other_sizes_are_accepted() -> None:
    network = person._network()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 208, 384)).shape == (2, 1, 208, 384)
