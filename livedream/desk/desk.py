"""The desk itself: what somebody asks for while a dream runs, and its way to the dreamer."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np

from livedream.desk.mirror import mirrored
from livedream.desk.notices import Notices
from livedream.dream.dreamer import Dreamer
from livedream.dream.sight import Dreamt, Sight
from livedream.dream.switch import Switch
from livedream.errors import ArgumentError, LivedreamError
from livedream.frame import Frame
from livedream.models import find_network
from livedream.presets import load_preset, preset_names
from livedream.presets.fade import blend
from livedream.settings import CONTROLS, Control, DreamSettings

FADE_SECONDS = 1.0
"""How long one preset takes to become another."""

_controls = {control.name: control for control in CONTROLS}
_fixed = [control.name for control in CONTROLS if not control.live]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for. A value, replaced as a whole: the dreamer's thread never sees one half of a change."""

    settings: DreamSettings
    preset: str
    fade_from: DreamSettings
    fade_began: float = -FADE_SECONDS
    mirrored: bool = False
    frozen: bool = False
    resets: int = 0
    """How often a new beginning was asked for."""

    def at(self, moment: float) -> DreamSettings:
        """Return the settings of a moment of the fade."""
        return blend(self.fade_from, self.settings, (moment - self.fade_began) / FADE_SECONDS)


class Seen(NamedTuple):
    """A frame that was looked at, or is held back: then there is no sight."""

    frame: Frame
    wish: _Wish
    sight: Sight | None


class Shown(NamedTuple):
    """A frame that was dreamt, or is held back: then the one before it stands."""

    frame: Frame
    wish: _Wish
    dreamt: Dreamt | None


class Desk:
    """Plays a dreamer. It takes the dreamer's place in a run: frames go in, and what is asked for holds from the next.

    The threads that dream call it with frames. All else may be called by any thread, and returns at once.

    preset: the name of the preset that the dreamer's settings come from. given: the controls that were set by hand,
    which stay as they are when the preset changes. now: the clock, in seconds.
    """

    def __init__(
        self,
        dreamer: Dreamer,
        preset: str,
        given: Mapping[str, Any] | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.notices = Notices(now)
        self.newest: Frame | None = None
        """What came out last."""
        self.description = dreamer.description
        """What dreams at the moment, see Dreamer."""
        self.in_force = dreamer.settings
        """The settings with which `newest` was dreamt."""
        self._dreamer = dreamer
        self._switch = Switch(dreamer)
        self._given = dict(given or {})
        self._now = now
        self._lock = threading.Lock()
        self._wish = _Wish(dreamer.settings, preset, dreamer.settings)
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
    def mirrored(self) -> bool:
        return self._wish.mirrored

    @property
    def frozen(self) -> bool:
        return self._wish.frozen

    # What can be asked for

    def set(self, name: str, value: float | str) -> None:
        """Set one control. Raises ArgumentError for a wrong name or value."""
        with self._lock:
            settings = self._wish.settings.replace(**{name: value})
            self._wish = dataclasses.replace(self._wish, settings=settings)
        control = _controls[name]
        self.notices.tell(f"{shown(control, value)} {control.unit}".rstrip(), name)

    def turn(self, name: str, presses: int) -> None:
        """Turn a control as its keys do: a number by so many presses, up or down; a choice to the next or last one."""
        control, value = _controls[name], getattr(self._wish.settings, name)
        if control.kind is not str:
            self.set(name, control.turned(value, presses))
            return
        network = find_network(self._wish.settings.model)
        choices = control.choices or [layer for layer, _ in network.layers]
        self.set(name, neighbour(choices, network.best if value == "auto" else value, presses))

    def turn_preset(self, presses: int) -> None:
        """Fade over to the next preset, or to the last one."""
        self.fade_to(neighbour(preset_names(), self._wish.preset, presses))

    def fade_to(self, preset: str) -> None:
        """Fade over to `preset`. Raises ArgumentError for an unknown name.

        What cannot change while a dream runs stays as it is, and so do the controls set by hand at the beginning and
        the working height: it belongs to the machine and not to the look.
        """
        wanted = load_preset(preset)
        with self._lock:
            now = self._wish.settings
            kept = {name: getattr(now, name) for name in (*_fixed, *self._given, "working_height")}
            if wanted.model != now.model:
                kept["layers"] = now.layers  # its own are those of another network
            moment = self._now()
            self._wish = dataclasses.replace(
                self._wish,
                settings=wanted.replace(**kept),
                preset=preset,
                fade_from=self._wish.at(moment),
                fade_began=moment,
            )
        self.notices.tell(f"preset {preset}", "preset")

    def toggle_mirror(self) -> None:
        """Show left what was right, in all that is shown and recorded."""
        with self._lock:
            self._wish = dataclasses.replace(self._wish, mirrored=not self._wish.mirrored)
        self.notices.tell(f"mirror {'on' if self.mirrored else 'off'}", "mirror")

    def toggle_freeze(self) -> None:
        """Let the picture stand still, in all that is shown and recorded."""
        with self._lock:
            self._wish = dataclasses.replace(self._wish, frozen=not self._wish.frozen)
        self.notices.tell(f"freeze {'on' if self.frozen else 'off'}", "freeze")

    def reset(self) -> None:
        """Forget what was dreamt: the next frame begins anew."""
        with self._lock:
            self._wish = dataclasses.replace(self._wish, resets=self._wish.resets + 1)
        self.notices.tell("the dream begins anew", "reset")

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

    def sharing_cores(self) -> AbstractContextManager[None]:
        return self._dreamer.sharing_cores()

    def look(self, frame: Frame) -> Seen:
        """The first of a run's three steps, see Dreamer. A frame that is held back by a freeze is not looked at."""
        wish = self._wish
        begins = wish.resets != self._resets
        self._resets = wish.resets
        held = wish.frozen and self._begun
        self._begun = True
        return Seen(frame, wish, None if held else self._dreamer.look(frame, begins))

    def dream(self, seen: Seen) -> Shown:
        """The second step: dream as it was asked for until now."""
        self._follow(self._wish)
        return Shown(seen.frame, seen.wish, None if seen.sight is None else self._dreamer.dream(seen.sight))

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
        self._follow(self._wish)
        return self._dreamer(picture)

    def _follow(self, wish: _Wish) -> None:
        try:
            self._switch.to(wish.at(self._now()))
        except (LivedreamError, ArgumentError) as error:
            self.notices.tell(str(error))
            with self._lock:
                self._wish = dataclasses.replace(
                    self._wish, settings=self._dreamer.settings, fade_from=self._dreamer.settings
                )
        self.in_force = self._dreamer.settings
        self.description = self._dreamer.description


def shown(control: Control, value: float | str) -> str:
    """`working height 288`."""
    return f"{control.name.replace('_', ' ')} {value if isinstance(value, str) else format(value, 'g')}"


def neighbour(choices: "list[str] | tuple[str, ...]", now: str, presses: int) -> str:
    """Return what comes after `now`, or before it (presses < 0), round and round; from elsewhere, the first or last."""
    if now not in choices:
        return choices[0 if presses > 0 else -1]
    return choices[(choices.index(now) + presses) % len(choices)]
