import numpy as np
import pytest
import torch

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.tiles import GRID, MARGIN, join, tiles
from livedream.dream.objective.parser import parse


@pytest.mark.parametrize("size", [(256, 257), (700, 300), (200, 8000), (1080, 1920), (2161, 3833)])
@pytest.mark.parametrize("side", [256, 500, 1280])
def test_tiles_cover_each_pixel_once_with_its_margin(size, side) -> None:
    for seed in range(5):
        parts = tiles(size, side, np.random.default_rng(seed))
        if max(size) <= side:
            assert parts == []
            continue
        count = np.zeros(size, int)
        for part in parts:
            for span, length in zip(part, size, strict=True):
                (begin, end), (start, stop) = span
                assert 0 <= start <= begin < end <= stop <= length
                assert stop - start <= max(side, length if length <= side else 0)
                assert start % GRID == 0
                assert (begin - start >= MARGIN or start == 0) and (stop - end >= MARGIN or stop == length)
            count[slice(*part.down.inner), slice(*part.across.inner)] += 1
        assert (count == 1).all()


def test_cuts_move_from_step_to_step() -> None:
    cuts = {tiles((1000, 1000), 400, np.random.default_rng(seed))[0].down.inner for seed in range(10)}
    assert len(cuts) > 3


def test_join_weighs_a_part_by_what_it_sees() -> None:
    # The gradient of a mean over what is seen; of the whole it is 1 / number of pixels everywhere.
    picture = torch.zeros(1, 3, 300, 420)
    parts = tiles((300, 420), 256, np.random.default_rng(0))
    whole = join(picture, parts, lambda seen: torch.full_like(seen, 1 / seen[0, 0].numel()))
    torch.testing.assert_close(whole, torch.full_like(picture, 1 / (300 * 420)))


def test_gradient_in_tiles_is_that_of_the_whole_picture() -> None:
    """Down to fire4 the margin holds all that a pixel acts on, so that the tiles give the gradient of the whole."""
    objective = parse("fire4 + 0.1*mean(fire3:5) - 0.5*tv")
    network = DreamNetwork(models.load("squeezenet"), models.find_network("squeezenet"), objective, "max")
    ascent = Ascent(network.to_compute(torch.device("cpu"), torch.float32), objective)
    picture = torch.rand(1, 3, 352, 512, generator=torch.Generator().manual_seed(0)) * 255
    parts = tiles((352, 512), 256, np.random.default_rng(1))
    assert len(parts) > 4
    whole = ascent._image_gradient(picture, ascent.objective)
    tiled = join(picture, parts, lambda part: ascent._image_gradient(part, ascent.objective))
    # As in a step; the maps of a tile are smaller than its share of the picture by a row or two.
    tiled, whole = (gradient / gradient.abs().mean() for gradient in (tiled, whole))
    assert float((tiled - whole).abs().mean()) < 0.01
