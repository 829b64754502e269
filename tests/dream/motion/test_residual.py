import numpy as np
import pytest
import torch

from livedream.dream.motion.flow import Flow
from livedream.dream.motion.residual import remove_mean, split_residual, warp


def flow(vector: tuple[float, float], confidence: float = 1.0, size: tuple[int, int] = (8, 16)) -> Flow:
    return Flow(np.full((*size, 2), vector, np.float32), np.full(size, confidence, np.float32))


def test_residual_follows_the_motion() -> None:
    residual = torch.zeros(1, 3, 16, 32)
    residual[0, :, 4, 10] = 9.0
    # The map of the flow has half the size: what is at (12, 6) now was at (10, 4), one pixel of the map up and left.
    moved = warp(residual, flow((-1, -1)), keep=1)
    assert moved[0, 0, 6, 12] == pytest.approx(9, abs=1e-3)
    assert moved.sum() == pytest.approx(27, abs=1e-2)


def test_residual_leaks_and_is_not_trusted_blindly() -> None:
    residual = torch.full((1, 3, 16, 32), 10.0)
    assert torch.allclose(warp(residual, flow((0, 0)), keep=0.9), torch.tensor(9.0), atol=1e-4)
    assert torch.allclose(warp(residual, flow((0, 0), confidence=0.5), keep=0.9), torch.tensor(4.5), atol=1e-4)
    assert not warp(residual, flow((0, 0)), keep=0).any()


@pytest.mark.parametrize("share", [0, 0.5])  # none is withheld: by torch
def test_dream_burns_out_no_light_that_the_frame_does_not(share) -> None:
    dream = torch.tensor([-50.0, 0, 2, 100, 253, 300]).view(1, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    frame = torch.tensor([100.0, 1, 1, 90, 254, 100]).view(1, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    wanted = torch.tensor([4.0, 1, 2, 100, 253, 251]).view(1, 3, 1, 2)
    torch.testing.assert_close(frame + split_residual(dream, frame, frame, None, share).carry.residual, wanted)


def test_mean_of_each_channel_fades_and_the_rest_stays() -> None:
    residual = torch.randn(1, 3, 16, 32, generator=torch.Generator().manual_seed(0)) + torch.tensor([5.0, 0, -3]).view(
        1, 3, 1, 1
    )
    before, after = residual.mean((2, 3)), remove_mean(residual).mean((2, 3))
    torch.testing.assert_close(after, before * 0.9)
    torch.testing.assert_close(remove_mean(residual).std(), (residual - 0.1 * before.view(1, 3, 1, 1)).std())
