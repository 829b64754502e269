"""The desk itself: what somebody asks for while a dream runs, and its way to the dreamer."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, overload

import numpy as np

from livedream.controls.messages import Messages
from livedream.controls.mirror import mirrored
from livedream.dream.choice import network_for
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.dream.live_swap import SettingsSwap
from livedream.dream.stream.frames import AnalyzedFrame, DreamedFrame
from livedream.errors import ArgumentError, LivedreamError
from livedream.frame import Frame
from livedream.pipeline.playback import Playback
from livedream.presets import load_preset, preset_names, tour_presets
from livedream.presets.fade import blend
from livedream.presets.tour import SECONDS, Tour
from livedream.settings import CONTROLS, Control, DreamSettings

FADE_SECONDS = 1.0
"""How long one preset takes to become another, by the times of the frames."""
AHEAD_SECONDS = Fraction(5)
"""How long before its time a preset of a tour is prepared: a network takes about a second of one core."""

_log = logging.getLogger(__name__)
_controls = {control.name: control for control in CONTROLS}
_lasting = ("seed", "working_height", *(control.name for control in CONTROLS if not control.live))
"""What belongs to the run or the machine and not to the look."""
_network = {"model", "weights", "layers"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. A value, replaced as a whole: the dreamer's thread never sees one half of a change."""

    settings: DreamSettings
    preset: str
    of_preset: DreamSettings
    """The settings of the preset itself, before anything was changed."""
    fade_from: DreamSettings
    fade_began: Fraction = -Fraction(FADE_SECONDS)
    """The time of a frame; at first one so early that no fade is going on."""
    tour: Tour | None = None
    changes: int = 0
    """How many changes of the tour have come."""
    mirrored: bool = False
    frozen: bool = False
    resets: int = 0
    """How often a new beginning was asked for."""

    def at(self, time: Fraction) -> DreamSettings:
        """Return the settings of a frame of that time."""
        return blend(self.fade_from, self.settings, max(0.0, float(time - self.fade_began) / FADE_SECONDS))


class Seen(NamedTuple):
    """A frame that was looked at, or is held back: then there is no sight."""

    frame: Frame
    wish: Wish
    sight: AnalyzedFrame | None


class Shown(NamedTuple):
    """A frame that was dreamt, or is held back: then the one before it stands."""

    frame: Frame
    wish: Wish
    dreamt: DreamedFrame | None


class LiveController:
    """Plays a dreamer. It takes the dreamer's place in a run: frames go in, and what is asked for holds from the next.

    The threads that dream call it with frames. All else may be called by any thread, and returns at once.

    preset: the name of the preset that the dreamer's settings come from. of_preset: the settings of that preset itself,
    those of the dreamer when None. given: the controls that were set by hand, which stay as they are when the preset
    changes. live: whether frames do not wait: what has to be prepared comes when
    it is there. Otherwise each frame waits for it, and a film repeats. tour: the seconds for which each preset stays,
    for a tour from the beginning. now: the clock of the notices, in seconds.

    Raises ArgumentError for a tour that is too fast or too slow.
    """

    tours = True
    """Whether presets may follow one another by themselves."""
    controls: tuple[Control, ...] = tuple(control for control in CONTROLS if control.keys)
    """The controls that have keys."""

    def __init__(
        self,
        dreamer: Dreamer,
        preset: str,
        given: Mapping[str, Any] | None = None,
        *,
        of_preset: DreamSettings | None = None,
        live: bool = True,
        tour: Fraction | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.messages = Messages(now)
        self.newest: Frame | None = None
        """What came out last."""
        self.description = dreamer.description
        """What dreams at the moment, see Dreamer."""
        self.in_force = dreamer.settings
        """The settings with which `newest` was dreamt."""
        self.playback: Playback | None = None
        """The clock of a film that is played; it stands while the picture is frozen."""
        self._dreamer = dreamer
        self._switch = SettingsSwap(dreamer)
        self._given = dict(given or {})
        self._live = live
        self._lock = threading.Lock()
        self._wish = Wish(dreamer.settings, preset, of_preset or dreamer.settings, dreamer.settings)
        self._tour_seconds = tour or SECONDS
        if tour is not None:
            self._wish = self._touring(self._wish, Fraction(0))
        self._time = Fraction(0)
        """Of the newest frame."""
        self._dreamt_time: Fraction | None = None
        self._resets = 0
        self._begun = False
        self._standing: Frame
        self._effort = 0.0

    def close(self) -> None:
        """Wait for what is being prepared."""
        self._switch.close()

    # What was asked for

    @property
    def settings(self) -> DreamSettings:
        """Where the dream is going."""
        return self._wish.settings

    @property
    def preset(self) -> str:
        return self._wish.preset

    @property
    def changed(self) -> list[Control]:
        """The controls that are not as the preset has them. Seed, device and precision belong to no preset."""
        wish = self._wish
        return [
            control
            for control in CONTROLS
            if control.live
            and control.name != "seed"
            and _meant(wish.settings, control.name) != _meant(wish.of_preset, control.name)
        ]

    def value(self, control: Control) -> str:
        """`working height 288`; of the layers those that are dreamt of where the settings say auto."""
        return shown(control, _meant(self._wish.settings, control.name))

    @property
    def touring(self) -> bool:
        return self._wish.tour is not None

    @property
    def mirrored(self) -> bool:
        return self._wish.mirrored

    @property
    def frozen(self) -> bool:
        return self.playback.paused if self.playback is not None else self._wish.frozen

    @property
    def visible(self) -> Frame | None:
        """The frame that is shown: of a film that is played not the newest, which waits for its time."""
        return self.newest if self.playback is None else self.playback.shown

    # What can be asked for

    def set(self, name: str, value: float | str) -> None:
        """Set one control, from the next frame on; another mask fades in. Raises ArgumentError for a wrong name or
        value.
        """
        with self._lock:
            wish = self._wish
            settings = wish.settings.replace(**{name: value})
            network_for(settings)
            if settings.mask != wish.settings.mask:
                wish = dataclasses.replace(wish, fade_from=wish.at(self._time), fade_began=self._time)
            self._wish = dataclasses.replace(wish, settings=settings)
        control = _controls[name]
        self.messages.tell(f"{shown(control, value)} {control.unit}".rstrip(), name)

    def turn(self, name: str, presses: int) -> None:
        """Turn a control as its keys do: a number by so many presses, up or down; a choice to the next or last one."""
        control = next(control for control in self.controls if control.name == name)
        value = getattr(self._wish.settings, name)
        if control.kind is not str:
            self.set(name, control.turned(value, presses))
            return
        network = network_for(self._wish.settings)
        choices = control.choices or [layer for layer, _ in network.layers]
        self.set(name, neighbour(choices, network.best if value == "auto" else value, presses))

    def turn_preset(self, presses: int) -> None:
        """Fade over to the next preset, or to the last one."""
        self.fade_to(neighbour(preset_names(), self._wish.preset, presses))

    def fade_to(self, preset: str) -> None:
        """Fade over to `preset`. Raises ArgumentError for an unknown name, of the preset or of its network.

        Device, precision, seed and working height stay: they do not belong to the look. So do the controls that were
        set by hand at the beginning; if these name a network or layers, the network stays too.
        """
        wanted = load_preset(preset)
        network_for(wanted)
        with self._lock:
            self._wish = self._faded(self._wish, preset, wanted, self._time)
        self.messages.tell(f"preset {preset}", "preset")

    def toggle_tour(self) -> None:
        """Let presets follow one another by themselves, or stop that."""
        with self._lock:
            if self._wish.tour is None:
                self._wish = self._touring(self._wish, self._time)
            else:
                self._wish = dataclasses.replace(self._wish, tour=None)
        self.messages.tell(f"tour: {float(self._tour_seconds):g} s a preset" if self.touring else "tour off", "tour")

    def _touring(self, wish: Wish, time: Fraction) -> Wish:
        """Return `wish` with a tour that begins at `time`."""
        presets = tour_presets()
        same = (name for name, wanted in presets.items() if self._taken(wish, wanted) == wish.settings)
        tour = Tour(presets, self._tour_seconds, seed=wish.settings.seed, began=time, first=next(same, None))
        return dataclasses.replace(wish, tour=tour, changes=0)

    def _faded(self, wish: Wish, preset: str, wanted: DreamSettings, time: Fraction) -> Wish:
        """Return `wish` with a fade to `preset` that begins at `time`."""
        return dataclasses.replace(
            wish,
            settings=self._taken(wish, wanted),
            preset=preset,
            of_preset=wanted,
            fade_from=wish.at(time),
            fade_began=time,
        )

    def _taken(self, wish: Wish, wanted: DreamSettings) -> DreamSettings:
        """Return what becomes of the settings of a preset here."""
        now = wish.settings
        kept = {name: getattr(now, name) for name in (*_lasting, *self._given)}
        if _network & self._given.keys():
            kept |= {"model": now.model, "weights": now.weights}
            if "layers" not in self._given and network_for(wanted).name != network_for(now).name:
                kept["layers"] = "auto"  # its own are those of another network
        return wanted.replace(**kept)

    def toggle_mirror(self) -> None:
        """Show left what was right, in all that is shown and recorded."""
        with self._lock:
            self._wish = dataclasses.replace(self._wish, mirrored=not self._wish.mirrored)
        self.messages.tell(f"mirror {'on' if self.mirrored else 'off'}", "mirror")

    def toggle_freeze(self) -> None:
        """Let the picture stand still, in all that is shown and recorded. A film that is played is paused."""
        if self.playback is not None:
            self.playback.toggle_pause()
            self.messages.tell("paused" if self.frozen else "playing", "freeze")
            return
        with self._lock:
            self._wish = dataclasses.replace(self._wish, frozen=not self._wish.frozen)
        self.messages.tell(f"freeze {'on' if self.frozen else 'off'}", "freeze")

    @property
    def freeze_help(self) -> str:
        """What its key does."""
        return "freeze, shown and recorded" if self.playback is None else "pause"

    def refresh(self) -> None:
        """A recording begins: it wants a frame. There is always a next one."""

    def reset(self) -> None:
        """Forget what was dreamt: the next frame begins anew."""
        with self._lock:
            self._wish = dataclasses.replace(self._wish, resets=self._wish.resets + 1)
        self.messages.tell("the dream begins anew", "reset")

    # What the threads that dream do

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that the stages of the last frame took."""
        return self._dreamer.stages

    @property
    def effort(self) -> float:
        """How many times the usual steps the last frame was dreamt in; 0 for one that is held back."""
        return self._effort

    @property
    def notice(self) -> str | None:
        """What the dreamer does otherwise than asked."""
        return self._dreamer.notice

    @property
    def look_ahead(self) -> int:
        return self._dreamer.look_ahead

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return self._switch.sharing_cores(live)

    def look(self, frame: Frame) -> Seen:
        """The first of a run's three steps, see Dreamer. A frame that is held back by a freeze is not looked at."""
        with self._lock:
            self._time = frame.time
            self._advance(frame.time)
            wish = self._wish
        begins = wish.resets != self._resets
        self._resets = wish.resets
        held = wish.frozen and self._begun
        self._begun = True
        if held:
            return Seen(frame, wish, None)
        return Seen(frame, wish, self._dreamer.look(frame, begins, None if self._live else wish.at(frame.time)))

    def stop_looking(self) -> None:
        """Wait for what `look` has begun beside the frames."""
        self._dreamer.stop_looking()

    def dream(self, seen: Seen) -> Shown:
        """The second step: dream as it was asked for until now; for a film, until the frame was looked at.

        Raises what a preset of the tour of a film cannot be prepared for.
        """
        self._follow(self._wish if self._live else seen.wish, seen.frame.time)
        shown = Shown(seen.frame, seen.wish, None if seen.sight is None else self._dreamer.dream(seen.sight))
        self._dreamt_time = seen.frame.time
        return shown

    def state(self) -> dict[str, np.ndarray]:
        """Return what is carried from frame to frame, see Dreamer: of a run that nobody plays by keys."""
        if self._dreamt_time is None:
            return self._dreamer.state()
        return {**self._dreamer.state(), "dreamt_time": np.array(self._dreamt_time.as_integer_ratio())}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from `state`, which a Desk returned that had begun as this one."""
        state = dict(state)
        if "dreamt_time" in state:
            self._dreamt_time = self._time = Fraction(*map(int, state.pop("dreamt_time")))
            self._advance(self._time)
            self._dreamer.settings = self._wish.at(self._time)
        run_in_fresh_thread(lambda: self._dreamer.restore(state))

    def _advance(self, time: Fraction) -> None:
        """Let the changes of the tour come that are due."""
        tour = self._wish.tour
        while tour is not None and self._wish.changes < tour.changes(time):
            number = self._wish.changes + 1
            preset, wanted = tour.preset(number)
            faded = self._faded(self._wish, preset, wanted, tour.moment(number))
            self._wish = dataclasses.replace(faded, changes=number)

    def _look_ahead(self, wish: Wish, time: Fraction) -> None:
        """Prepare what the tour brings next."""
        if wish.tour is None:
            return
        number = wish.changes + 1
        if time >= wish.tour.moment(number) - min(AHEAD_SECONDS, wish.tour.seconds / 2):
            self._switch.ahead(self._taken(wish, wish.tour.preset(number)[1]))

    def compose(self, shown: Shown) -> Frame:
        """The last step. The frame that comes out has its source with it."""
        self._effort = 0.0
        if shown.dreamt is not None:
            self._standing = dataclasses.replace(self._dreamer.compose(shown.dreamt), source=shown.frame.pixels)
            self._effort = self._dreamer.effort
        newest = dataclasses.replace(self._standing, time=shown.frame.time, index=shown.frame.index)
        self.newest = mirrored(newest) if shown.wish.mirrored else newest
        return self.newest

    @overload
    def __call__(self, picture: Frame, /) -> Frame: ...
    @overload
    def __call__(self, picture: np.ndarray, /) -> np.ndarray: ...
    def __call__(self, picture: Frame | np.ndarray, /) -> Frame | np.ndarray:
        """Do all three steps, or dream a picture by itself (an array), which is neither mirrored nor held."""
        if isinstance(picture, Frame):
            return self.compose(self.dream(self.look(picture)))
        self._follow(self._wish, self._time)
        return self._dreamer(picture)

    def _follow(self, wish: Wish, time: Fraction) -> None:
        try:
            if self._live:
                done = self._switch.to(wish.at(time))
            else:
                self._switch.at_once(wish.at(time))
                done = True
            if done:
                self._look_ahead(wish, time)
        except (LivedreamError, ArgumentError) as error:
            if wish.tour is not None:
                if not self._live:
                    raise  # a film has all that was asked for
                _log.warning("preset %s is left out: %s", wish.preset, error)
            self.messages.tell(str(error), "fault")
            with self._lock:
                self._wish = dataclasses.replace(
                    self._wish, settings=self._dreamer.settings, fade_from=self._dreamer.settings
                )
        self.in_force = self._dreamer.settings
        self.description = self._dreamer.description


def _meant(settings: DreamSettings, name: str) -> Any:
    """Return the value of a control; of `auto` what it stands for."""
    if name == "model":
        return network_for(settings).name
    value = getattr(settings, name)
    return network_for(settings).best if name == "layers" and value == "auto" else value


def shown(control: Control, value: float | str) -> str:
    """`working height 288`."""
    return f"{control.name.replace('_', ' ')} {value if isinstance(value, str) else format(value, 'g')}"


def neighbour(choices: "list[str] | tuple[str, ...]", now: str, presses: int) -> str:
    """Return what comes after `now`, or before it (presses < 0), round and round; from elsewhere, the first or last."""
    if now not in choices:
        return choices[0 if presses > 0 else -1]
    return choices[(choices.index(now) + presses) % len(choices)]
