"""The desk for one picture: a key begins its dream anew, and the finished dream stands."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from livedream.controls.controller import LiveController, Seen, Shown, Wish
from livedream.controls.mirror import mirrored
from livedream.dream.dreamer import SPECTATE_RATE, Dreamer
from livedream.errors import ArgumentError, LivedreamError
from livedream.frame import Frame
from livedream.settings import CONTROLS, Control, DreamSettings

GLANCE_SECONDS = 0.05
"""How often it looks for a wish while the dream stands: soon enough for a key, and no work for the processor."""
_INSTEAD: dict[str, tuple[str, float]] = {"steps": ("still_steps", 5), "working_height": ("still_height", 72)}
"""The controls of a film that pictures have others for, which take their keys; and how far one press turns these."""
_OF_FILMS = ("keep", "zoom", "rotate")
"""The controls with keys that mean nothing for a picture."""
_MASKS = ("all", "person", "background")
"""The masks that mean something for a picture, in which nothing moves."""


def _controls() -> Iterator[Control]:
    known = {control.name: control for control in CONTROLS}
    for control in CONTROLS:
        if control.name in _INSTEAD:
            name, press = _INSTEAD[control.name]
            yield dataclasses.replace(known[name], keys=control.keys, press=press)
        elif control.name == "mask":
            yield dataclasses.replace(control, choices=_MASKS)
        elif control.keys and control.name not in _OF_FILMS:
            yield control


class ImageController(LiveController):
    """Dreams one picture as often as its keys ask for.

    Its `frames` are the source of a run, and it takes the dreamer's place in it.

    preset, given, of_preset, now: see Desk. watched: whether there is a window. on_finished: called with each finished
    dream and the seconds it took, by the thread that dreams.
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
        of_preset: DreamSettings | None = None,
        watched: bool = True,
        on_finished: Callable[[Frame, float], None] = lambda frame, seconds: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(dreamer, preset, given, of_preset=of_preset, live=True, now=now)
        self.on_finished = on_finished
        self.step = 0
        """How many steps of the dream are done,"""
        self.steps = 0
        """and how many it has."""
        self._watched = watched
        self._now = now
        self._ended = threading.Event()
        self._refreshed = 0

    # What can be asked for

    def toggle_tour(self) -> None:
        self.messages.tell("a tour is for films and for what is live", "tour")

    def toggle_freeze(self) -> None:
        """Pause the dream, or let it go on."""
        with self._lock:
            self._wish = dataclasses.replace(self._wish, frozen=not self._wish.frozen)
        self.messages.tell("paused" if self.frozen else "dreaming on", "freeze")

    def refresh(self) -> None:
        """Give the picture out once more: somebody has joined."""
        self._refreshed += 1

    def leave(self) -> None:
        """The window is closed: once the dream is finished, that is the end. Nobody can let it go on from a pause."""
        self._watched = False

    def end(self) -> None:
        """Dream no further step."""
        self._ended.set()

    # What the threads of a run do

    def frames(self, picture: Frame) -> Iterator[Frame]:
        """Dream `picture`, and give each step; begin anew when a key asks for it, and rest when a dream is finished."""
        number = 0
        while not self._ended.is_set():
            wish, began = self._wish, self._now()
            last: Frame | None = None
            for step in self._dreamt_as(wish.settings, picture):
                last = Frame(step.pixels, number / SPECTATE_RATE, number, picture.pixels)
                number += 1
                self.step = step.index + 1
                yield last
                while self._wish.frozen and self._watched and not self._ended.wait(GLANCE_SECONDS):
                    pass
                if self._ended.is_set() or self._is_old(wish):
                    break
            else:
                if last is not None:
                    seconds = self._now() - began
                    self.messages.tell(f"finished in {seconds:.1f} s", "finished")
                    self.on_finished(mirrored(last) if self._wish.mirrored else last, seconds)
            shown = self._wish.mirrored, self._refreshed
            while (
                last is not None and self._watched and not self._is_old(wish) and not self._ended.wait(GLANCE_SECONDS)
            ):
                if (wanted := (self._wish.mirrored, self._refreshed)) != shown:
                    shown = wanted
                    last = dataclasses.replace(last, time=number / SPECTATE_RATE, index=number)
                    number += 1
                    yield last
            if not self._watched and not self._is_old(wish):
                return

    def _is_old(self, wish: Wish) -> bool:
        """Return whether another dream is asked for than that of `wish`."""
        return (self._wish.settings, self._wish.resets) != (wish.settings, wish.resets)

    def _dreamt_as(self, settings: DreamSettings, picture: Frame) -> Iterator[Frame]:
        """Dream with these settings, or if that cannot be as before, which is told."""
        before = self.in_force
        try:
            self._dreamer.settings = settings
            self.description = self._dreamer.description
        except (LivedreamError, ArgumentError) as error:
            if settings == before:
                raise
            self.messages.tell(str(error), "fault")
            self._dreamer.settings = before
            with self._lock:
                self._wish = dataclasses.replace(self._wish, settings=before)
            return
        self.in_force = settings
        self.step, self.steps = 0, self._dreamer.still_length(picture.size)
        yield from self._dreamer.spectate(picture)

    @property
    def look_ahead(self) -> int:
        return 1

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def look(self, frame: Frame) -> Seen:
        return Seen(frame, self._wish, None)

    def dream(self, seen: Seen) -> Shown:
        return Shown(seen.frame, seen.wish, None)

    def compose(self, shown: Shown) -> Frame:
        self.newest = mirrored(shown.frame) if shown.wish.mirrored else shown.frame
        return self.newest
