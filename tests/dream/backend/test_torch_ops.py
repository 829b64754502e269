"""The functions for a GPU give on a CPU what OpenCV gives there."""

import numpy as np
import pytest
import torch
from skimage import data

from livedream.dream.backend import torch_ops
from livedream.dream.image import resize
from livedream.dream.motion import residual
from livedream.dream.motion.flow import Flow


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.ascontiguousarray(data.chelsea())  # 451x300


@pytest.mark.parametrize("size", [(300, 451), (150, 225), (100, 144), (64, 80), (299, 32)])
def test_shrinks_as_opencv_but_for_its_rounding(photo, size) -> None:
    # OpenCV rounds to whole levels at each halving, halves up.
    found = torch_ops.shrink(torch.from_numpy(photo), size)
    assert found.is_contiguous(memory_format=torch.channels_last)
    error = (resize.to_pixels(found) - resize.shrink(photo, size)).astype(float)
    assert np.abs(error).mean() < 0.35
    assert abs(error.mean()) < 0.15
    assert np.quantile(np.abs(error), 0.999) < 1.2


def test_even_halves_are_means() -> None:
    # The first channel counts 0, 3, 6, 9 along a row, and 12 more in each row below.
    frame = torch.arange(48, dtype=torch.uint8).view(4, 4, 3)
    assert torch_ops.shrink(frame, (2, 2))[0, 0].tolist() == [[7.5, 13.5], [31.5, 37.5]]


@pytest.mark.parametrize("map_size", [(32, 40), (45, 77)])
def test_warps_as_opencv(map_size) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(0, 3, (*map_size, 2)).astype(np.float32)
    confidence = random.random(map_size).astype(np.float32)
    picture = torch.from_numpy(random.normal(0, 20, (1, 3, 64, 96)).astype(np.float32))
    wanted = residual.warp(picture, Flow(vectors, confidence), 0.9)
    found = torch_ops.warp(picture, torch.from_numpy(vectors), torch.from_numpy(confidence), 0.9)
    # OpenCV places a pixel to 1/32 of a pixel: 20 levels from one to the next make 20/64 on the average.
    error = (found - wanted).abs()
    assert float(error.mean()) < 0.35
    assert float((found - wanted).mean().abs()) < 0.02


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.5])
def test_composes_as_opencv_but_for_its_rounding(photo, strength) -> None:
    dream = torch.from_numpy(np.random.default_rng(0).normal(0, 30, (1, 3, 64, 96)).astype(np.float32))
    rounded = resize.to_pixels(dream).round().astype(np.int16)
    wanted = resize.compose(photo, rounded, strength).astype(int)
    found = torch_ops.compose(torch.from_numpy(photo), dream, strength)
    assert (found.dtype, found.is_contiguous()) == (torch.uint8, True)
    # OpenCV's way rounds three times, once before it multiplies.
    assert np.abs(found.numpy() - wanted).max() <= 1.5 + 0.5 * strength
    assert abs((found.numpy() - wanted).mean()) < 0.05
