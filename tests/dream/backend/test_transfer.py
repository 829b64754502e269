"""Who waits for whom on the way to a GPU and back, with streams that only note it; test_cuda.py has real ones."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from livedream.dream.backend.gpu_timing import GpuTimer
from livedream.dream.backend.transfer import Transfer
from livedream.dream.compute.timing import StageTimes

CPU = torch.device("cpu")


class Stream:
    """Knows all that is done before what is launched on it next."""

    def __init__(self) -> None:
        self.done: set[object] = set()

    def wait_event(self, event: "Event") -> None:
        self.done |= event.done

    def wait_stream(self, other: "Stream") -> None:
        self.done |= other.done


class Event:
    """Passed once all is done that the stream knew when it was recorded."""

    def __init__(self, **_kind: bool) -> None:
        self.done: set[object] = set()

    def record(self, stream: Stream) -> None:
        self.done = set(stream.done)

    def synchronize(self) -> None:
        pass


class Gpu:
    """The stream on which the dream is made, and what each copy was to wait for."""

    def __init__(self) -> None:
        self.dream = self.current = Stream()
        self.copies: list[tuple[int, set[object]]] = []
        """Where to, and what was done before."""

    @contextmanager
    def on(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before


@pytest.fixture
def gpu(monkeypatch) -> Gpu:
    gpu, empty, copy = Gpu(), torch.empty, torch.Tensor.copy_

    def copy_and_note(target, source, non_blocking=False):
        if non_blocking:
            gpu.copies.append((target.data_ptr(), set(gpu.current.done)))
            gpu.current.done.add(f"copy {len(gpu.copies)}")
        return copy(target, source)

    monkeypatch.setattr(torch.Tensor, "copy_", copy_and_note)
    monkeypatch.setattr(torch, "empty", lambda *shape, pin_memory=False, **how: empty(*shape, **how))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: gpu.current)
    monkeypatch.setattr(torch.cuda, "stream", gpu.on)
    return gpu


@pytest.fixture
def transfer(gpu: Gpu) -> Transfer:
    transfer = Transfer(CPU)
    transfer._stream = Stream()  # type: ignore[assignment]
    return transfer


def test_place_is_filled_again_when_the_frame_before_the_last_is_done_with_it(gpu: Gpu, transfer: Transfer) -> None:
    places = []
    for number in range(1, 7):
        array = np.full((4, 6, 3), number, np.uint8)
        tensor = transfer.up(array)
        array[:] = 0  # a camera fills its buffer anew
        assert (tensor == number).all()
        assert f"copy {number}" in gpu.dream.done
        place, before = gpu.copies[-1]
        places.append(place)
        if number > 2:
            assert place == places[-3]
            assert f"use {number - 2}" in before
        assert f"use {number - 1}" not in before  # it goes up while that one is dreamt
        gpu.dream.done.add(f"use {number}")
    assert len(set(places)) == 2


def test_first_place_waits_for_who_had_its_memory_before(gpu: Gpu, transfer: Transfer) -> None:
    gpu.dream.done.add("another's use")
    transfer.up(np.zeros((4, 6, 3), np.uint8))
    ((_, before),) = gpu.copies
    assert "another's use" in before


def test_frozen_array_goes_up(transfer: Transfer) -> None:
    array = np.arange(12, dtype=np.float32).reshape(2, 6)
    array.flags.writeable = False
    assert np.array_equal(transfer.up(array).numpy(), array)


def test_any_number_may_be_on_the_way_down(gpu: Gpu, transfer: Transfer) -> None:
    pending = []
    for number in range(6):
        gpu.dream.done.add(f"made {number}")
        pending.append(transfer.down(torch.full((4, 6, 3), number, dtype=torch.uint8)))
        assert f"made {number}" in gpu.copies[-1][1]
    assert [int(arrived().max()) for arrived in pending] == [0, 1, 2, 3, 4, 5]
    assert np.array_equal(pending[2](), np.full((4, 6, 3), 2))


def test_what_is_on_the_way_down_is_held_until_it_has_arrived(transfer: Transfer) -> None:
    tensor = torch.ones(3)
    held = weakref.ref(tensor)
    arrived = transfer.down(tensor)
    del tensor
    gc.collect()
    assert held() is not None
    shown = arrived()
    del arrived
    gc.collect()
    assert held() is None
    assert shown.tolist() == [1, 1, 1]


class Mark:
    """An event that is passed at a time in milliseconds."""

    now = 0.0

    def __init__(self, enable_timing: bool, blocking: bool) -> None:
        self.passed = self.waited = False

    def record(self) -> None:
        self.time = Mark.now

    def synchronize(self) -> None:
        self.waited = True

    def elapsed_time(self, end: "Mark") -> float:
        assert end.waited
        return end.time - self.time


def test_stopwatch_tells_the_time_of_the_gpu_once_it_is_read(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "Event", Mark)
    stopwatch, stages = GpuTimer(), StageTimes()
    for milliseconds in (20.0, 5.0):
        with stopwatch.measure(stages, "ascent"):
            Mark.now += milliseconds
    with pytest.raises(ValueError, match="failed"), stopwatch.measure(stages, "ascent"):
        raise ValueError("failed")
    assert stages.seconds == {}
    stopwatch.read()
    stopwatch.read()
    assert stages.seconds == {"ascent": pytest.approx(0.025)}
