"""How many threads a dream takes while others look and compose."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from livedream import Dreamer, DreamSettings, Frame
from livedream.dream import threads
from livedream.dream.ascent import Ascent


@pytest.fixture
def four_threads():
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(4)
    cv2.setNumThreads(4)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def counts() -> tuple[int, int]:
    return torch.get_num_threads(), cv2.getNumThreads()


def test_one_core_is_left_and_given_back(four_threads) -> None:
    with threads.sharing_cores():
        assert counts() == (3, 3)
    assert counts() == (4, 4)


def test_one_thread_is_the_least(four_threads) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with threads.sharing_cores():
        assert counts() == (1, 1)


def test_a_stream_is_rehearsed_with_its_own_threads(four_threads, monkeypatch) -> None:
    """oneDNN makes a kernel for each number of threads: with another one the first frames would make theirs anew."""
    seen = []
    step = Ascent.step
    monkeypatch.setattr(Ascent, "step", lambda *args, **by: seen.append(torch.get_num_threads()) or step(*args, **by))
    Dreamer(DreamSettings(layers="fire6", device="cpu", working_height=64)).prepare((160, 96))
    assert set(seen) == {3}


def test_other_layers_are_made_ready_with_the_threads_of_the_stream(four_threads, monkeypatch) -> None:
    dreamer = Dreamer(DreamSettings(layers="fire6", device="cpu", working_height=64))
    dreamer(Frame(np.zeros((96, 160, 3), np.uint8), Fraction(0), 0))
    seen = []
    step = Ascent.step
    monkeypatch.setattr(Ascent, "step", lambda *args, **by: seen.append(torch.get_num_threads()) or step(*args, **by))
    dreamer.ascent_for(dreamer.settings.replace(layers="fire5"))
    assert set(seen) == {3}
    assert counts() == (4, 4)


@pytest.mark.parametrize(
    ("settings", "network_threads"),
    [({}, 3), ({"working_height": 512}, 4), ({"layers": "fire9", "steps": 2}, 4)],
)
def test_a_light_network_leaves_a_core_and_a_heavy_one_takes_all(settings, network_threads, four_threads) -> None:
    dreamer = Dreamer(DreamSettings(layers="fire6", device="cpu", precision="float32").replace(**settings))
    dreamer.prepare((1280, 720))
    with dreamer.sharing_cores():
        assert counts()[0] == network_threads
    assert counts()[0] == 4
