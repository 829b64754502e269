"""The live controller: takes requests while a dream runs, and passes them to the dreamer between two frames."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any, NamedTuple, overload

import numpy as np

from livedream.control import Control
from livedream.controls.live_state import LiveState
from livedream.controls.messages import Messages
from livedream.controls.mirror import mirrored
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.dream.live_swap import SettingsSwap
from livedream.dream.objective.network_choice import network_for
from livedream.dream.stream.frames import AnalyzedFrame, DreamedFrame
from livedream.errors import ArgumentError, LivedreamError
from livedream.frame import Frame
from livedream.pipeline.playback import Playback
from livedream.presets import load_preset, preset_names
from livedream.presets.tour import SECONDS
from livedream.settings import CONTROLS, DreamSettings

AHEAD_SECONDS = Fraction(5)
"""How long before its time a preset of a tour is prepared: a network takes about a second of one core."""

_log = logging.getLogger(__name__)
_controls = {control.name: control for control in CONTROLS}
_FIXED = [control.name for control in CONTROLS if not control.live]


class LiveAnalysis(NamedTuple):
    """A frame after the first step of a run; `analysis` is None when a freeze holds it back."""

    frame: Frame
    state: LiveState
    analysis: AnalyzedFrame | None


class LiveDream(NamedTuple):
    """A frame after the second step of a run; `dream` is None when a freeze holds it back: the last frame is shown."""

    frame: Frame
    state: LiveState
    dream: DreamedFrame | None


class LiveController:
    """Controls a dreamer, and takes its place in a run: frames go in, and requests hold from the next frame on.

    The threads that dream call it with frames. All other methods may be called by any thread, and return at once.

    Args:
        dreamer: what dreams.
        preset: the name of the preset that the dreamer's settings come from.
        given: the controls that were set by hand; they stay as they are when the preset changes.
        preset_settings: the settings of the preset itself; those of the dreamer by default.
        live: whether frames do not wait: settings that have to be prepared are used once they are ready. Otherwise each
            frame waits for them, so that a video can be dreamt again exactly.
        tour: the seconds for which each preset stays, for a tour from the beginning.
        now: the clock of the messages, in seconds.

    Raises:
        ArgumentError: the tour is too fast or too slow.
    """

    tours = True
    """Whether tours are possible."""
    controls: tuple[Control, ...] = tuple(control for control in CONTROLS if control.keys)
    """The controls that have keys."""

    def __init__(
        self,
        dreamer: Dreamer,
        preset: str,
        given: Mapping[str, Any] | None = None,
        *,
        preset_settings: DreamSettings | None = None,
        live: bool = True,
        tour: Fraction | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.messages = Messages(now)
        self.newest: Frame | None = None
        """The frame that came out last."""
        self.description = dreamer.description
        """What dreams at the moment, see Dreamer."""
        self.in_force = dreamer.settings
        """The settings with which `newest` was dreamt."""
        self.playback: Playback | None = None
        """The clock of a video that is played; it is paused while the picture is frozen."""
        self._dreamer = dreamer
        self._swap = SettingsSwap(dreamer)
        self._live = live
        self._lock = threading.Lock()
        settings = dreamer.settings
        self._state = LiveState(settings, preset, preset_settings or settings, settings, tuple(given or ()))
        self._tour_seconds = tour or SECONDS
        if tour is not None:
            self._state = self._state.begin_tour(tour, Fraction(0))
        self._time = Fraction(0)
        """The time of the newest frame."""
        self._dreamed_time: Fraction | None = None
        self._resets = 0
        self._begun = False
        self._last_dream: Frame
        self._effort = 0.0

    def close(self) -> None:
        """Wait for settings that are being prepared."""
        self._swap.close()

    # The current state

    @property
    def settings(self) -> DreamSettings:
        """The settings that were requested last; a fade to them may still be under way."""
        return self._state.settings

    @property
    def preset(self) -> str:
        return self._state.preset

    @property
    def preset_settings(self) -> DreamSettings:
        """The settings of the preset itself, before anything was changed."""
        return self._state.preset_settings

    @property
    def changed(self) -> list[Control]:
        """The controls that differ from the preset. Seed, device and precision belong to no preset."""
        state = self._state
        return [
            control
            for control in CONTROLS
            if control.live
            and control.name != "seed"
            and _resolved(state.settings, control.name) != _resolved(state.preset_settings, control.name)
        ]

    def value(self, control: Control) -> str:
        """`working height 288`; where the layers are auto, the layers that auto stands for."""
        return value_text(control, _resolved(self._state.settings, control.name))

    @property
    def touring(self) -> bool:
        return self._state.tour is not None

    @property
    def mirrored(self) -> bool:
        return self._state.mirrored

    @property
    def frozen(self) -> bool:
        return self.playback.paused if self.playback is not None else self._state.frozen

    @property
    def visible(self) -> Frame | None:
        """The frame that is shown. When a video is played, `newest` still waits for its time."""
        return self.newest if self.playback is None else self.playback.shown

    # Requests

    def set(self, name: str, value: float | str) -> None:
        """Set one control, from the next frame on; a different mask fades in.

        Raises ArgumentError for a wrong name or value.
        """
        self.change({name: value})
        control = _controls[name]
        self.messages.show(f"{value_text(control, value)} {control.unit}".rstrip(), name)

    def change(self, values: Mapping[str, float | str]) -> None:
        """Set several controls at once, without a message. Raises ArgumentError, and then changes none."""
        with self._lock:
            self._state = self._state.change(values, self._time)

    def turn(self, name: str, presses: int) -> None:
        """Turn a control as its keys do: a number by `presses` up or down, a choice to the next or previous."""
        control = next(control for control in self.controls if control.name == name)
        value = getattr(self._state.settings, name)
        if control.kind is not str:
            self.set(name, control.turned(value, presses))
            return
        network = network_for(self._state.settings)
        choices = control.choices or [layer for layer, _ in network.layers]
        self.set(name, neighbour(choices, network.best if value == "auto" else value, presses))

    def turn_preset(self, presses: int) -> None:
        """Fade to the next preset, or to the previous one."""
        self.fade_to(neighbour(preset_names(), self._state.preset, presses))

    def fade_to(self, preset: str) -> None:
        """Fade to `preset`, see LiveState.merge. Raises ArgumentError for an unknown name of a preset or network."""
        preset_settings = load_preset(preset)
        network_for(preset_settings)
        with self._lock:
            self._state = self._state.fade_to(preset, preset_settings, self._time)
        self.messages.show(f"preset {preset}", "preset")

    def fade_to_look(self, settings: DreamSettings, preset: str, preset_settings: DreamSettings | None = None) -> None:
        """Fade to settings from elsewhere, except for device and precision. Raises ArgumentError for a wrong network.

        Args:
            settings: how to dream.
            preset: what to call them.
            preset_settings: the settings of the preset itself; `settings` by default.
        """
        settings = settings.replace(**{name: getattr(self.settings, name) for name in _FIXED})
        network_for(settings)
        with self._lock:
            self._state = self._state.fade_to_look(settings, preset, preset_settings or settings, self._time)

    def toggle_tour(self) -> None:
        """Begin a tour through the presets, or end it."""
        with self._lock:
            if self._state.tour is None:
                self._state = self._state.begin_tour(self._tour_seconds, self._time)
            else:
                self._state = dataclasses.replace(self._state, tour=None)
        text = f"tour: {float(self._tour_seconds):g} s per preset" if self.touring else "tour off"
        self.messages.show(text, "tour")

    def toggle_mirror(self) -> None:
        """Exchange left and right in everything that is shown and recorded."""
        with self._lock:
            self._state = dataclasses.replace(self._state, mirrored=not self._state.mirrored)
        self.messages.show(f"mirror {'on' if self.mirrored else 'off'}", "mirror")

    def toggle_freeze(self) -> None:
        """Freeze the picture in everything that is shown and recorded. A video that is played is paused."""
        if self.playback is not None:
            self.playback.toggle_pause()
            self.messages.show("paused" if self.frozen else "playing", "freeze")
            return
        with self._lock:
            self._state = dataclasses.replace(self._state, frozen=not self._state.frozen)
        self.messages.show(f"freeze {'on' if self.frozen else 'off'}", "freeze")

    @property
    def freeze_help(self) -> str:
        """The help of the freeze key."""
        return "freeze the picture, also in recordings" if self.playback is None else "pause"

    def refresh(self) -> None:
        """Provide a frame for a recording that begins. Here the next one comes by itself."""

    def reset(self) -> None:
        """Forget the dream: the next frame starts a new one."""
        with self._lock:
            self._state = dataclasses.replace(self._state, resets=self._state.resets + 1)
        self.messages.show("dream restarted", "reset")

    # Called by the threads that dream

    @property
    def stages(self) -> Mapping[str, float]:
        """The seconds that each stage of the last frame took, by name."""
        return self._dreamer.stages

    @property
    def effort(self) -> float:
        """The steps of the last frame as a multiple of the usual number; 0 for a frame that was held back."""
        return self._effort

    @property
    def notice(self) -> str | None:
        """How the dreamer deviates from the request."""
        return self._dreamer.notice

    @property
    def lookahead(self) -> int:
        return self._dreamer.lookahead

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return self._swap.sharing_cores(live)

    def analyze(self, frame: Frame) -> LiveAnalysis:
        """Do the first of a run's three steps, see Dreamer. A frame that a freeze holds back is not analyzed."""
        with self._lock:
            self._time = frame.time
            self._state = state = self._state.advance(frame.time)
        begins = state.resets != self._resets
        self._resets = state.resets
        held_back = state.frozen and self._begun
        self._begun = True
        if held_back:
            return LiveAnalysis(frame, state, None)
        return LiveAnalysis(
            frame, state, self._dreamer.analyze(frame, begins, None if self._live else state.at(frame.time))
        )

    def finish_analysis(self) -> None:
        """Wait for the work that `analyze` began in the background."""
        self._dreamer.finish_analysis()

    def dream(self, analyzed: LiveAnalysis) -> LiveDream:
        """Do the second step, with the latest request; for a video, with the request when the frame was analyzed.

        Raises what makes it impossible to prepare the next preset of the tour of a video.
        """
        frame, state, analysis = analyzed
        self._apply(self._state if self._live else state, frame.time)
        dreamt = LiveDream(frame, state, None if analysis is None else self._dreamer.dream(analysis))
        self._dreamed_time = frame.time
        return dreamt

    def state(self) -> dict[str, np.ndarray]:
        """Return what is carried from frame to frame, see Dreamer. Requests by keys are not part of it."""
        if self._dreamed_time is None:
            return self._dreamer.state()
        return {**self._dreamer.state(), "dreamt_time": np.array(self._dreamed_time.as_integer_ratio())}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state`, which a controller with the same arguments returned."""
        state = dict(state)
        if "dreamt_time" in state:
            self._dreamed_time = self._time = Fraction(*map(int, state.pop("dreamt_time")))
            self._state = self._state.advance(self._time)
            self._dreamer.settings = self._state.at(self._time)
        run_in_fresh_thread(lambda: self._dreamer.restore(state))

    def compose(self, dreamt: LiveDream) -> Frame:
        """Do the last step. The frame that comes out has its source with it."""
        self._effort = 0.0
        if dreamt.dream is not None:
            self._last_dream = dataclasses.replace(self._dreamer.compose(dreamt.dream), source=dreamt.frame.pixels)
            self._effort = self._dreamer.effort
        newest = dataclasses.replace(self._last_dream, time=dreamt.frame.time, index=dreamt.frame.index)
        self.newest = mirrored(newest) if dreamt.state.mirrored else newest
        return self.newest

    @overload
    def __call__(self, picture: Frame, /) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray, /) -> np.ndarray: ...
    def __call__(self, picture: Frame | np.ndarray, /) -> Frame | np.ndarray:
        """Do all three steps, or dream a still (an array), which is neither mirrored nor frozen."""
        if isinstance(picture, Frame):
            return self.compose(self.dream(self.analyze(picture)))
        self._apply(self._state, self._time)
        return self._dreamer(picture)

    def _apply(self, state: LiveState, time: Fraction) -> None:
        """Give the dreamer the settings of a frame of that time, as soon as they are prepared."""
        try:
            if self._live:
                is_done = self._swap.apply(state.at(time))
            else:
                self._swap.apply_and_wait(state.at(time))
                is_done = True
            if is_done:
                self._prepare_next(state, time)
        except (LivedreamError, ArgumentError) as error:
            if state.tour is not None:
                if not self._live:
                    raise  # a video must have everything that was requested
                _log.warning("preset %s is left out: %s", state.preset, error)
            self.messages.show(str(error), "fault")
            settings = self._dreamer.settings
            with self._lock:
                self._state = dataclasses.replace(self._state, settings=settings, fade_from=settings)
        self.in_force = self._dreamer.settings
        self.description = self._dreamer.description

    def _prepare_next(self, state: LiveState, time: Fraction) -> None:
        """Prepare the next preset of a tour shortly before its time."""
        if state.tour is None:
            return
        number = state.tour_changes + 1
        if time >= state.tour.moment(number) - min(AHEAD_SECONDS, state.tour.seconds / 2):
            self._swap.prepare(state.merge(state.tour.preset(number)[1]))


def _resolved(settings: DreamSettings, name: str) -> Any:
    """Return the value of a control; for `auto`, what it stands for."""
    if name == "model":
        return network_for(settings).name
    value = getattr(settings, name)
    return network_for(settings).best if name == "layers" and value == "auto" else value


def value_text(control: Control, value: float | str) -> str:
    """`working height 288`."""
    return f"{control.name.replace('_', ' ')} {value if isinstance(value, str) else format(value, 'g')}"


def neighbour(choices: "list[str] | tuple[str, ...]", current: str, presses: int) -> str:
    """Return the choice after `current`, or before it (presses < 0), cyclically; from elsewhere, the first or last."""
    if current not in choices:
        return choices[0 if presses > 0 else -1]
    return choices[(choices.index(current) + presses) % len(choices)]
