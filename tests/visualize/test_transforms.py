import torch

from livedream.visualize.transforms import shake


def test_each_step_is_another_and_all_pictures_move_alike() -> None:
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).repeat(2, 1, 1, 1)
    first, again, second = shake(picture, 0, 1), shake(picture, 0, 1), shake(picture, 0, 2)
    assert torch.equal(first, again) and torch.equal(first[0], first[1])
    assert not torch.allclose(first, second)


def test_it_moves_turns_and_scales_within_its_bounds() -> None:
    """A dot off the middle: how far it goes is at most what shift, angle and scale make of its place."""
    size, place = 96, 24  # so many pixels right of the middle
    picture = torch.full((1, 3, size, size), 0.5)
    middle = size // 2
    picture[:, :, middle - 2 : middle + 2, middle + place - 2 : middle + place + 2] = 1
    rows, columns = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    places = []
    for step in range(40):
        dot = shake(picture, 7, step)[0, 0] - 0.5
        places.append((float((dot * columns).sum() / dot.sum()), float((dot * rows).sum() / dot.sum())))
    right, down = (torch.tensor(way) - middle for way in zip(*places, strict=True))
    # 4 + 2 pixels of shift, 24 * 0.9 to 24 * 1.1 across, 24 * 1.1 * sin(10 degrees) = 4.6 down.
    assert 24 * 0.9 * 0.98 - 6 - 0.5 < right.min() < 24 - 3
    assert 24 + 3 < right.max() < 24 * 1.1 + 6 + 0.5
    assert 5 < down.abs().max() < 6 * 1.1 + 4.6 + 0.5


def test_beyond_the_edge_is_grey() -> None:
    corners = torch.stack([shake(torch.ones(1, 3, 32, 32), 0, step)[0, 0, 0, 0] for step in range(40)])
    assert corners.min() == 0.5
