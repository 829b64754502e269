import pytest
import torch

from livedream.dream.image.jitter import roll


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (0, -5), (-7, 8), (6, 10), (20, -33)])
def test_rolls_by_tensors_as_torch_rolls_by_numbers(shift) -> None:
    picture = torch.rand(1, 3, 7, 11)
    wanted = torch.roll(picture, shift, (2, 3))
    assert torch.equal(roll(picture, shift), wanted)
    down, right = (torch.tensor(amount) for amount in shift)
    rolled = roll(picture, (down, right))
    assert torch.equal(rolled, wanted)
    assert rolled.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(roll(rolled, (-down, -right)), picture)
