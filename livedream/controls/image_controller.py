"""The controller of a single picture: a key restarts its dream, and the finished dream stays."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from livedream.control import Control
from livedream.controls.controller import LiveAnalysis, LiveController, LiveDream
from livedream.controls.live_state import LiveState
from livedream.controls.mirror import mirrored
from livedream.dream.dreamer import SPECTATE_RATE, Dreamer
from livedream.errors import ArgumentError, LivedreamError
from livedream.frame import Frame
from livedream.settings import CONTROLS, DreamSettings

POLL_SECONDS = 0.05
"""How often to look for a request while the finished dream stays: soon enough for a key, and no load."""
_FOR_PICTURES: dict[str, tuple[str, float]] = {"steps": ("still_steps", 5), "working_height": ("still_height", 72)}
"""The controls of videos that have a counterpart for pictures, which takes their keys, and how far one press turns
it."""
_VIDEOS_ONLY = ("keep", "zoom", "rotate")
"""The controls with keys that have no effect on a picture."""
_MASKS = ("all", "person", "background")
"""The masks that have an effect on a picture, in which nothing moves."""


def _controls() -> Iterator[Control]:
    by_name = {control.name: control for control in CONTROLS}
    for control in CONTROLS:
        if control.name in _FOR_PICTURES:
            name, press = _FOR_PICTURES[control.name]
            yield dataclasses.replace(by_name[name], keys=control.keys, press=press)
        elif control.name == "mask":
            yield dataclasses.replace(control, choices=_MASKS)
        elif control.keys and control.name not in _VIDEOS_ONLY:
            yield control


class ImageController(LiveController):
    """Dreams one picture, again whenever a key requests it.

    Its `frames` are the source of a run, and it takes the dreamer's place in that run.

    Args:
        dreamer, preset, given, preset_settings, now: see LiveController.
        watched: whether there is a window.
        on_finished: called with each finished dream and the seconds it took, by the thread that dreams.
    """

    tours = False
    controls = tuple(_controls())
    freeze_help = "pause the dream"

    def __init__(
        self,
        dreamer: Dreamer,
        preset: str,
        given: Mapping[str, Any] | None = None,
        *,
        preset_settings: DreamSettings | None = None,
        watched: bool = True,
        on_finished: Callable[[Frame, float], None] = lambda frame, seconds: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(dreamer, preset, given, preset_settings=preset_settings, live=True, now=now)
        self.on_finished = on_finished
        self.step = 0
        """How many steps of the current dream are done."""
        self.steps = 0
        """How many steps the current dream has."""
        self._watched = watched
        self._now = now
        self._ended = threading.Event()
        self._refreshes = 0

    # Requests

    def toggle_tour(self) -> None:
        self.messages.show("tours are for videos and live sources", "tour")

    def toggle_freeze(self) -> None:
        """Pause the dream, or continue it."""
        with self._lock:
            self._state = dataclasses.replace(self._state, frozen=not self._state.frozen)
        self.messages.show("paused" if self.frozen else "continuing", "freeze")

    def refresh(self) -> None:
        """Output the picture once more, for a recording that begins."""
        self._refreshes += 1

    def leave(self) -> None:
        """The window is closed: end when the dream is finished. Nobody can continue a paused dream any more."""
        self._watched = False

    def end(self) -> None:
        """Dream no further step."""
        self._ended.set()

    # Called by the threads of a run

    def frames(self, picture: Frame) -> Iterator[Frame]:
        """Dream `picture` and yield each step; restart when a key requests it, and wait when a dream is finished."""
        number = 0
        while not self._ended.is_set():
            state, began = self._state, self._now()
            last: Frame | None = None
            for step in self._dream_steps(state.settings, picture):
                last = Frame(step.pixels, number / SPECTATE_RATE, number, picture.pixels)
                number += 1
                self.step = step.index + 1
                yield last
                while self._state.frozen and self._watched and not self._ended.wait(POLL_SECONDS):
                    pass
                if self._ended.is_set() or self._is_outdated(state):
                    break
            else:
                if last is not None:
                    seconds = self._now() - began
                    self.messages.show(f"finished in {seconds:.1f} s", "finished")
                    self.on_finished(mirrored(last) if self._state.mirrored else last, seconds)
            yielded = self._state.mirrored, self._refreshes
            while (
                last is not None
                and self._watched
                and not self._is_outdated(state)
                and not self._ended.wait(POLL_SECONDS)
            ):
                if (requested := (self._state.mirrored, self._refreshes)) != yielded:
                    yielded = requested
                    last = dataclasses.replace(last, time=number / SPECTATE_RATE, index=number)
                    number += 1
                    yield last
            if not self._watched and not self._is_outdated(state):
                return

    def _is_outdated(self, state: LiveState) -> bool:
        """Return whether a dream other than that of `state` is requested."""
        return (self._state.settings, self._state.resets) != (state.settings, state.resets)

    def _dream_steps(self, settings: DreamSettings, picture: Frame) -> Iterator[Frame]:
        """Dream with these settings; when that is impossible, show the error and use the settings of before."""
        before = self.in_force
        try:
            self._dreamer.settings = settings
            self.description = self._dreamer.description
        except (LivedreamError, ArgumentError) as error:
            if settings == before:
                raise
            self.messages.show(str(error), "fault")
            self._dreamer.settings = before
            with self._lock:
                self._state = dataclasses.replace(self._state, settings=before)
            return
        self.in_force = settings
        self.step, self.steps = 0, self._dreamer.still_length(picture.size)
        yield from self._dreamer.spectate(picture)

    @property
    def lookahead(self) -> int:
        return 1

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def analyze(self, frame: Frame) -> LiveAnalysis:
        return LiveAnalysis(frame, self._state, None)

    def dream(self, analyzed: LiveAnalysis) -> LiveDream:
        return LiveDream(analyzed.frame, analyzed.state, None)

    def compose(self, dreamt: LiveDream) -> Frame:
        self.newest = mirrored(dreamt.frame) if dreamt.state.mirrored else dreamt.frame
        return self.newest
