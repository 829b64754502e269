"""Pictures of presets, made by the real worker."""

import gc
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.errors import LivedreamError
from livedream.frame import Frame
from livedream.presets import load_preset
from livedream.settings import DreamSettings
from livedream.studio.pictures import worker_process
from livedream.studio.pictures.preset_pictures import PresetPictures, Round
from livedream.studio.pictures.thumbnail import small_picture

LOOKS = {name: load_preset(name) for name in ("labyrinth", "neon", "clay")}
PATIENCE = 60.0
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def scene(value: int) -> Frame:
    """A frame with a disc on a background of that brightness."""
    y, x = np.mgrid[:72, :128]
    disc = (y - 36) ** 2 + (x - 64) ** 2 < 25**2
    pixels = np.where(disc[..., None], (230, 120, 60), (value, value, value)).astype(np.uint8)
    return Frame(pixels, Fraction(0), 0)


class Studio:
    """What the pictures ask: the newest frame and the presets."""

    def __init__(self) -> None:
        self.frame: Frame | None = scene(60)
        self.looks = dict(LOOKS)
        self.pictures = PresetPictures(lambda: self.frame, lambda: self.looks)

    def wait(self, done: Callable[[Round], bool]) -> Round:
        """Return the first progress for which `done` holds."""
        deadline = time.monotonic() + PATIENCE
        while not done(progress := self.pictures.progress()):
            assert time.monotonic() < deadline, progress
            time.sleep(0.01)
        return progress

    def finished(self) -> Round:
        return self.wait(lambda progress: progress.done == progress.total)

    def pixels(self, name: str) -> np.ndarray:
        jpeg = self.pictures.picture(name)
        assert jpeg is not None
        with Image.open(io.BytesIO(jpeg)) as picture:
            assert picture.format == "JPEG"
            return np.asarray(picture).astype(int)


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """A studio whose worker has the priority of the tests; with the lowest one it would wait for those beside it."""
    monkeypatch.setattr(worker_process, "_NICENESS", 0)
    made = Studio()
    yield made
    made.pictures.close()


def workers() -> list[int]:
    """Return the processes that we started and that draw pictures, from /proc."""
    found = []
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            if b"livedream.studio.pictures.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_every_preset_gets_a_picture_of_the_present_frame(studio: Studio) -> None:
    assert studio.pictures.progress() == Round(0, 0, 0)
    began = studio.pictures.begin()
    assert (began.round, began.total, began.trouble) == (1, 3, None)
    assert studio.finished() == Round(1, 3, 3, tuple(LOOKS))
    with Image.open(io.BytesIO(small_picture(studio.frame))) as small:
        source = np.asarray(small).astype(int)
    drawn = {name: studio.pixels(name) for name in LOOKS}
    for name, pixels in drawn.items():
        assert pixels.shape == source.shape
        assert np.abs(pixels - source).mean() > 5, f"{name} shows no dream"
        assert np.corrcoef(pixels.ravel(), source.ravel())[0, 1] > 0.4, f"{name} does not show the frame"
    assert np.abs(drawn["neon"] - drawn["labyrinth"]).mean() > 5


def test_a_new_round_replaces_an_unfinished_one(studio: Studio) -> None:
    studio.looks = {f"own-{number}": LOOKS["labyrinth"] for number in range(40)}
    studio.pictures.begin()
    studio.wait(lambda progress: progress.done > 0)
    studio.frame, studio.looks = scene(180), {"clay": LOOKS["clay"]}
    assert studio.pictures.begin().round == 2
    assert studio.pictures.picture("own-0") is None, "a picture of the former round"
    assert studio.finished() == Round(2, 1, 1, ("clay",))
    assert studio.pixels("clay").mean() > 130, "the picture shows the former frame"


def test_presets_without_a_network_here_are_left_out(studio: Studio) -> None:
    studio.looks |= {"large": DreamSettings(model="vgg16"), "lost": DreamSettings(weights="/no/such/file")}
    assert studio.pictures.begin().total == 3
    assert not studio.pictures.awaits("large")
    assert studio.pictures.awaits("neon")
    studio.finished()
    assert not studio.pictures.awaits("neon")


def test_a_preset_that_cannot_be_dreamt_does_not_stop_the_others(studio: Studio) -> None:
    studio.looks = {"wrong": DreamSettings(model="squeezenet", layers="fire5:9999"), "neon": LOOKS["neon"]}
    studio.pictures.begin()
    assert studio.finished() == Round(1, 1, 1, ("neon",))
    assert studio.pictures.picture("wrong") is None


def test_no_frame_yet(studio: Studio) -> None:
    studio.frame = None
    with pytest.raises(LivedreamError, match="nothing has been shown yet"):
        studio.pictures.begin()


@linux
def test_a_killed_worker_is_reported_and_replaced(studio: Studio) -> None:
    studio.pictures.begin()
    (worker,) = workers()
    os.kill(worker, signal.SIGKILL)
    progress = studio.wait(lambda progress: progress.trouble is not None)
    assert progress.trouble == "the process that makes the pictures ended with code -9"
    assert not studio.pictures.awaits("neon")
    assert studio.pictures.begin().trouble is None
    assert studio.finished() == Round(2, 3, 3, tuple(LOOKS))
    assert workers() != [worker]


@linux
def test_nothing_is_left_even_in_the_middle_of_a_round(studio: Studio) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    studio.looks = {f"own-{number}": LOOKS["labyrinth"] for number in range(40)}
    studio.pictures.begin()
    studio.wait(lambda progress: progress.done > 0)
    studio.pictures.close()
    assert workers() == []
    assert [thread for thread in threading.enumerate() if thread.name == "livedream-preset-pictures"] == []
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(LivedreamError, match="closing"):
        studio.pictures.begin()


@linux
def test_an_idle_worker_ends_and_the_next_round_starts_another(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "from livedream.studio.pictures import worker; worker.IDLE_SECONDS = 0.2; worker.main()"
    monkeypatch.setattr(worker_process, "_COMMAND", [sys.executable, "-c", program, "livedream.studio.pictures.worker"])
    studio.pictures.begin()
    studio.finished()
    deadline = time.monotonic() + PATIENCE
    while workers():
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.01)
    assert studio.pictures.progress() == Round(1, 3, 3, tuple(LOOKS))
    studio.pictures.begin()
    assert studio.finished() == Round(2, 3, 3, tuple(LOOKS))


def test_closing_without_a_round(studio: Studio) -> None:
    studio.pictures.close()
    studio.pictures.close()
