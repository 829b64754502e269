"""The settings of the dream that runs, and the requests of all pages to change them."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from livedream.errors import ArgumentError, SourceError
from livedream.settings import CONTROLS, DreamSettings
from livedream.studio.session.history import History, Look
from livedream.studio.session.looks import OwnPresets, check_files, check_text, look_text
from livedream.studio.session.publisher import Publisher
from livedream.studio.session.state import State

if TYPE_CHECKING:
    from livedream.controls.controller import LiveController


class Desk:
    """Holds the controller of the present run, and the requests from one run to the next. Any thread may use it.

    Requests hold from the next frame on. They return the number of the state, and raise ArgumentError when they make no
    sense, SourceError before there is a controller.

    Args:
        look: the settings to begin with, and their preset.
        own_presets: the presets that the user saved.
        rest: returns the other parts of the state.
    """

    def __init__(self, look: Look, own_presets: OwnPresets, rest: Callable[[], Mapping[str, Any]]) -> None:
        self.own_presets = own_presets
        self._rest = rest
        self._first_look = look
        self._lock = threading.Lock()
        """Held while the controller is replaced or changed."""
        self._controller: LiveController | None = None
        self._history = History(look)
        self.publisher = Publisher(lambda: self._state().as_dict())

    # The current state

    @property
    def settings(self) -> DreamSettings:
        """The settings that were requested last."""
        return self._controller.settings if self._controller is not None else self._first_look.settings

    @property
    def preset(self) -> str:
        return self._controller.preset if self._controller is not None else self._first_look.preset

    def _state(self) -> State:
        controller = self._controller
        common: dict[str, Any] = {
            "settings": {control.name: getattr(self.settings, control.name) for control in CONTROLS},
            "preset": self.preset,
            "can_undo": self._history.can_undo,
            "can_redo": self._history.can_redo,
            **self._rest(),
        }
        if controller is None:
            return State(**common)
        return State(
            **common,
            preset_settings={
                control.name: getattr(controller.preset_settings, control.name)
                for control in CONTROLS
                if control.live and control.name != "seed"  # a preset has none
            },
            changed=tuple(control.name for control in controller.changed),
            touring=controller.touring,
            mirrored=controller.mirrored,
            frozen=controller.frozen,
            messages=tuple(controller.messages.texts),
            description=controller.description,
        )

    # Requests

    def change(self, values: Mapping[str, Any], by: str | None = None) -> int:
        """Set controls, all or none, and return the number of the state. Raises ArgumentError."""

        def make(controller: "LiveController") -> None:
            check_text(values)
            check_files(controller.settings.replace(**values), controller.settings)
            fixed = [control.name for control in CONTROLS if not control.live and control.name in values]
            if fixed:
                raise ArgumentError(
                    f"{', '.join(fixed)} cannot change while a dream runs", "choose it when you start the studio"
                )
            controller.change(values)

        return self._request(make, by)

    def fade_to(self, preset: str) -> int:
        """Fade to a preset, also to a saved one. Raises ArgumentError."""
        if preset in self.own_presets.names():
            settings = self.own_presets.load(preset)
            return self._request(lambda controller: controller.fade_to_look(settings, preset))
        return self._request(lambda controller: controller.fade_to(preset))

    def use_look(self, settings: DreamSettings, name: str) -> int:
        """Fade to the settings of a file that came over the network. Raises ArgumentError."""

        def make(controller: "LiveController") -> None:
            controller.fade_to_look(check_files(settings, controller.settings), name)

        return self._request(make)

    def look_text(self) -> str:
        """Return the present settings as the TOML of a preset."""
        return look_text(self.settings)

    def save_preset(self, name: str) -> None:
        """Save the present settings as a preset. Raises as `OwnPresets.save`."""
        settings = self.settings
        self.own_presets.save(name, settings)
        self._request(lambda controller: controller.fade_to_look(settings, name))

    def undo(self) -> int:
        """Go back to the settings before the last change. Raises ArgumentError if there are none."""
        return self._go(self._history.undo, "undo")

    def redo(self) -> int:
        """Take back an `undo`. Raises ArgumentError if there is none."""
        return self._go(self._history.redo, "redo")

    def _go(self, step: Callable[[], Look | None], name: str) -> int:
        def make(controller: "LiveController") -> None:
            self._note(controller)
            look = step()
            if look is None:
                raise ArgumentError(f"there is nothing to {name}")
            controller.fade_to_look(*look)

        return self._request(make)

    def reset(self) -> int:
        """Forget the dream: the next frame starts a new one."""
        return self._request(lambda controller: controller.reset())

    def switch(self, what: str, on: bool) -> int:
        """Switch the tour, the mirror or the freeze on or off. what: `tour`, `mirror` or `freeze`."""

        def make(controller: "LiveController") -> None:
            is_on, toggle = {
                "tour": (controller.touring, controller.toggle_tour),
                "mirror": (controller.mirrored, controller.toggle_mirror),
                "freeze": (controller.frozen, controller.toggle_freeze),
            }[what]
            if is_on != on:
                toggle()

        return self._request(make)

    def _request(self, make: "Callable[[LiveController], object]", by: str | None = None) -> int:
        def locked() -> None:
            with self._lock:
                if self._controller is None:
                    raise SourceError("the network is still being loaded", "try again in a second")
                make(self._controller)
                self._note(self._controller)

        return self.publisher.change(locked, by)

    def _note(self, controller: "LiveController") -> None:
        if not controller.touring:
            self._history.note(self._look, time.monotonic())

    # For the session

    def take(self, make: "Callable[[Look], LiveController]", look: Look | None = None) -> "LiveController":
        """Replace the controller for the next run, whose frames begin at time 0. The requests stay as they are.

        Pages go on making requests meanwhile: `make` may load a network, or even download it.

        Args:
            make: returns a new controller for a look.
            look: the look to go on with, instead of the one that was requested.
        """
        before = self._controller
        if before is not None:
            before.close()  # what it prepares belongs to the same dreamer
        requested = self._look
        controller = make(look or requested)
        with self._lock:
            if look is None and self._look != requested:
                controller.fade_to_look(*self._look)
            if before is not None and before.touring:
                controller.toggle_tour()
            if before is not None and before.mirrored:
                controller.toggle_mirror()
            self._controller = controller
        return controller

    @property
    def _look(self) -> Look:
        """The look that was requested last."""
        controller = self._controller
        if controller is None:
            return self._first_look
        return Look(controller.settings, controller.preset, controller.preset_settings)

    def observe(self) -> None:
        """Note and publish what has changed by itself: by keys of a window, by a tour."""
        with self._lock:
            if self._controller is not None:
                self._note(self._controller)
        self.publisher.publish()

    def close(self) -> None:
        """Wait for settings that are being prepared."""
        if self._controller is not None:
            self._controller.close()
