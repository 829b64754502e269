"""A live source in its window, without a dream, while the network is loaded."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livedream import open_source
from livedream.capture import demo
from livedream.cli.main import main
from livedream.cli.tasks import dream
from livedream.errors import SourceError, WeightsError
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.steps import OnStep, StepReport
from tests.pipeline.parts import Window, wait

SEEN = 3
"""Undreamt frames in the window before the dream is ready."""


class Shown(Window):
    """Stands for the window."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = threading.Event()
        self.fades_from = -1
        """How many frames there were when it was to begin to fade."""
        self.on_frame: Callable[[], object] = lambda: None

    def write(self, frame: Frame) -> None:
        super().write(frame)
        if len(self.frames) >= SEEN:
            self.seen.set()
        self.on_frame()

    def fade_in(self) -> None:
        self.fades_from = len(self.frames)


class Black:
    """Stands for the Dreamer: what it dreams is black."""

    description = "black"
    effort = 1.0
    awaits_device = False
    lookahead = 1
    notice = None
    on_step: OnStep | None = None

    def __init__(self, settings: DreamSettings, while_preparing: "Callable[[Black], object]") -> None:
        self.settings = settings
        self.stages: dict[str, float] = {}
        self._while_preparing = while_preparing

    def prepare(self, size: tuple[int, int], still: bool = False, *, soon: bool = False) -> None:
        self._while_preparing(self)

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def analyze(self, frame: Frame, begins: bool = False, settings: DreamSettings | None = None) -> Frame:
        return frame

    def dream(self, frame: Frame) -> Frame:
        return frame.with_pixels(np.zeros_like(frame.pixels))

    def compose(self, frame: Frame) -> Frame:
        return frame


def goes_on(dreamer: Black) -> None:
    """Prepare until somebody stops that."""
    assert dreamer.on_step is not None
    ended = threading.Event()
    while not ended.wait(0.01):
        dreamer.on_step(StepReport("preparing"))


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shown:
    shown = Shown()

    def opened(spec: str, *info: Any, **how: Any) -> Any:
        return shown if spec == "window" else open_sink(spec, *info, **how)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dream, "open_sink", opened)
    monkeypatch.setattr(dream, "WindowSink", Shown)
    return shown


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> "Callable[[Callable[[Black], object]], None]":
    """Say what is done while the dreamer is prepared."""

    def prepare(work: "Callable[[Black], object]") -> None:
        monkeypatch.setattr(dream, "new_dreamer", lambda settings: Black(settings, work))

    return prepare


def run(*sinks: str) -> int:
    outputs = [word for sink in ("window", *sinks) for word in ("--to", sink)]
    return main(["run", "demo", *outputs, "-t", "0.4s", "--fresh", "--working-height", "32"])


def is_black(frame: Frame) -> bool:
    return not frame.pixels.any()


def test_the_window_shows_the_source_until_the_dream_is_ready(window: Shown, prepare: Any) -> None:
    prepare(lambda dreamer: wait(window.seen))
    assert run("take.mkv") == 0
    dreamt = [is_black(frame) for frame in window.frames]
    first = dreamt.index(True)
    assert first >= SEEN
    assert all(dreamt[first:])
    assert window.fades_from == first
    assert window.indices == sorted({*window.indices})  # none twice
    with open_source("take.mkv") as film:
        assert all(frame.pixels.max() < 8 for frame in film)  # from the first on, as far as a codec can


def test_what_cannot_be_prepared_ends_it(window: Shown, prepare: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(dreamer: Black) -> None:
        wait(window.seen)
        raise WeightsError("the weights are damaged", "get them again")

    prepare(fail)
    assert run() == 1
    assert capsys.readouterr().err.endswith("error: the weights are damaged\nhint: get them again\n")
    assert window.closed


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
def test_ctrl_c_ends_it_while_it_is_prepared(
    window: Shown, prepare: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prepare(goes_on)
    window.on_frame = lambda: signal.raise_signal(signal.SIGINT)
    assert run("take.mkv") == 130
    assert capsys.readouterr().err.endswith("stopped: nothing was written\n")
    assert window.closed
    assert list(tmp_path.iterdir()) == []


def test_closing_the_window_ends_it_while_it_is_prepared(
    window: Shown, prepare: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prepare(goes_on)
    window.frames_until_closed = 2
    assert run("take.mkv") == 0
    assert capsys.readouterr().out == "closed before the first frame was dreamt\n"
    assert len(window.frames) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_ends_it_while_it_is_prepared(
    window: Shown, prepare: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(demo.DemoSource):
        def __iter__(self) -> Iterator[Frame]:
            yield next(super().__iter__())
            raise SourceError("its cable is loose")

    monkeypatch.setattr(demo, "DemoSource", Failing)
    prepare(goes_on)
    assert run() == 1
    assert "error: its cable is loose\n" in capsys.readouterr().err
