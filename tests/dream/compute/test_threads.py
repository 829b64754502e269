"""How many threads a dream takes while others look and compose, or while other programs keep the processor busy."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import livedream_startup as startup
from livedream import Dreamer, DreamSettings, Frame, Visualizer
from livedream.dream.ascent import Ascent
from livedream.dream.compute import threads
from livedream.dream.dream_network import DreamNetwork
from livedream_startup import SPINNING


@pytest.fixture
def four_threads(monkeypatch):
    for name in SPINNING:
        monkeypatch.delenv(name, raising=False)
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


def test_nested_it_leaves_one_core_and_no_more(four_threads) -> None:
    with threads.sharing_cores():
        with threads.sharing_cores():
            assert counts() == (3, 3)
        assert counts() == (3, 3)
    assert counts() == (4, 4)


def test_two_threads_inside_leave_one_core_and_the_last_gives_it_back(four_threads) -> None:
    second_in, first_out = threading.Event(), threading.Event()

    def dream() -> list[tuple[int, int]]:
        with threads.sharing_cores():
            second_in.set()
            first_out.wait(10)
            inside = counts()
        return [inside, counts()]

    with ThreadPoolExecutor(1) as other:
        with threads.sharing_cores():
            seen = other.submit(dream)
            second_in.wait(10)
        first_out.set()
        assert seen.result() == [(3, 3), (4, 4)]
        assert other.submit(counts).result() == (4, 4)
    assert counts() == (4, 4)


def test_an_error_gives_the_core_back(four_threads) -> None:
    with pytest.raises(KeyError), threads.sharing_cores():
        raise KeyError
    assert counts() == (4, 4)


def test_threads_that_wait_sleep_while_a_second_team_is_there(four_threads) -> None:
    def teams() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "livedream-openmp"]

    with threads.sleeping_at_barriers():
        (team,) = teams()
        assert team.daemon  # interrupted at the wrong moment, it must not keep the program from ending
    assert teams() == []
    torch.set_num_threads(1)
    with threads.sleeping_at_barriers():  # nobody to wait for
        assert teams() == []


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP")
@pytest.mark.parametrize(("own", "shown"), [({}, "'5000'"), ({"GOMP_SPINCOUNT": "7"}, "'7'")])
def test_the_command_lets_threads_of_openmp_sleep_soon_and_its_user_decides(own, shown) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in SPINNING}
    program = "import livedream_startup as startup; startup.wait_asleep(); import torch"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "verbose", **own},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    ).stderr
    assert f"GOMP_SPINCOUNT = {shown}" in said


def test_where_it_is_decided_how_long_to_spin_there_is_no_second_team(four_threads, monkeypatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "5000")
    with threads.sleeping_at_barriers():
        assert "livedream-openmp" not in [thread.name for thread in threading.enumerate()]


def test_once_torch_is_loaded_nothing_is_set(monkeypatch) -> None:
    for name in SPINNING:
        monkeypatch.delenv(name, raising=False)
    startup.wait_asleep()
    assert not any(name in os.environ for name in SPINNING)


@pytest.mark.parametrize("kind", ["frames", "picture", "steps", "noise"])
def test_a_call_leaves_a_core_and_the_program_around_it_keeps_its_threads(kind, four_threads, monkeypatch) -> None:
    inside, outside = [], []
    settings = DreamSettings(layers="fire2", device="cpu", working_height=32, still_height=32, still_steps=2)
    pixels = np.zeros((64, 96, 3), np.uint8)
    if kind == "noise":
        forward = DreamNetwork.forward

        def seen(network: DreamNetwork, batch: torch.Tensor) -> Mapping[str, torch.Tensor]:
            if batch.requires_grad:  # not when its channels are counted
                inside.append(counts())
            return forward(network, batch)

        monkeypatch.setattr(DreamNetwork, "forward", seen)
        Visualizer(settings)(["fire2:1"], size=32, steps=2)
    else:
        step = Ascent.step
        monkeypatch.setattr(Ascent, "step", lambda *args, **by: inside.append(counts()) or step(*args, **by))
        dreamer = Dreamer(settings)
        if kind == "frames":
            for number in range(2):
                dreamer(Frame(pixels, Fraction(number, 10), number))
                outside.append(counts())
        elif kind == "picture":
            dreamer(pixels)
        else:
            outside += [counts() for _ in dreamer.spectate(pixels)]
    assert set(inside) == {(3, 3)}
    assert set(outside) <= {(4, 4)}
    assert counts() == (4, 4)


def test_a_heavy_picture_takes_all_cores_and_lets_its_threads_sleep(four_threads, monkeypatch) -> None:
    inside = []
    step = Ascent.step

    def seen(*args: Any, **by: Any) -> torch.Tensor:
        inside.append((counts(), [thread.name for thread in threading.enumerate()].count("livedream-openmp")))
        return step(*args, **by)

    monkeypatch.setattr(Ascent, "step", seen)
    monkeypatch.setattr("livedream.dream.engine._HEAVY", {torch.float32: 1})
    settings = DreamSettings(layers="fire2", device="cpu", precision="float32", still_height=32, still_steps=1)
    Dreamer(settings)(np.zeros((64, 96, 3), np.uint8))
    assert set(inside) == {((4, 4), 1)}
    assert counts() == (4, 4)


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
    with dreamer.sharing_cores(live=True):
        assert counts()[0] == network_threads
    assert counts()[0] == 4


def test_thread_that_takes_one_leaves_the_others_theirs(four_threads) -> None:
    with ThreadPoolExecutor(1, initializer=threads.take_one_thread) as one, ThreadPoolExecutor(1) as another:
        assert one.submit(torch.get_num_threads).result() == 1
        assert another.submit(torch.get_num_threads).result() == 4
        assert one.submit(torch.get_num_threads).result() == 1
    assert torch.get_num_threads() == 4
