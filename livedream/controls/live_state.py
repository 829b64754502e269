"""What is requested of a running dream, as one value."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from livedream.dream.objective.network_choice import network_for
from livedream.presets import tour_presets
from livedream.presets.fade import blend
from livedream.presets.tour import Tour
from livedream.settings import CONTROLS, DreamSettings

FADE_SECONDS = 1.0
"""How long one preset takes to become another, by the times of the frames."""
_LASTING = ("seed", "working_height", *(control.name for control in CONTROLS if not control.live))
"""The controls that belong to the run or the machine, not to the look."""
_NETWORK = {"model", "weights", "layers"}


@dataclass(frozen=True, slots=True)
class LiveState:
    """What is requested. Replaced as a whole, so that the dreamer's thread never sees one half of a change."""

    settings: DreamSettings
    preset: str
    preset_settings: DreamSettings
    """The settings of the preset itself, before anything was changed."""
    fade_from: DreamSettings
    given: Collection[str] = ()
    """The controls that were set by hand at the beginning: they stay as they are when the preset changes."""
    fade_began: Fraction = -Fraction(FADE_SECONDS)
    """The time of a frame; at first so early that the fade is over."""
    tour: Tour | None = None
    tour_changes: int = 0
    """How many changes of the tour have come."""
    mirrored: bool = False
    frozen: bool = False
    resets: int = 0
    """How often the dream was reset."""

    def at(self, time: Fraction) -> DreamSettings:
        """Return the settings of a frame of that time."""
        return blend(self.fade_from, self.settings, max(0.0, float(time - self.fade_began) / FADE_SECONDS))

    def change(self, values: Mapping[str, float | str], time: Fraction) -> Self:
        """Return the state with some controls changed. A different mask fades in from `time` on.

        Raises ArgumentError for a wrong name or value.
        """
        settings = self.settings.replace(**values)
        network_for(settings)
        if settings.mask == self.settings.mask:
            return dataclasses.replace(self, settings=settings)
        return dataclasses.replace(self, settings=settings, fade_from=self.at(time), fade_began=time)

    def fade_to(self, preset: str, preset_settings: DreamSettings, time: Fraction) -> Self:
        """Return the state with a fade to `preset` that begins at `time`."""
        return self.fade_to_look(self.merge(preset_settings), preset, preset_settings, time)

    def fade_to_look(
        self, settings: DreamSettings, preset: str, preset_settings: DreamSettings, time: Fraction
    ) -> Self:
        """Return the state with a fade to exactly these settings, which differ from those of `preset`."""
        return dataclasses.replace(
            self,
            settings=settings,
            preset=preset,
            preset_settings=preset_settings,
            fade_from=self.at(time),
            fade_began=time,
        )

    def begin_tour(self, seconds: Fraction, time: Fraction) -> Self:
        """Return the state with a tour that begins at `time` and shows each preset for that many seconds."""
        presets = tour_presets()
        current = (name for name, settings in presets.items() if self.merge(settings) == self.settings)
        tour = Tour(presets, seconds, seed=self.settings.seed, began=time, first=next(current, None))
        return dataclasses.replace(self, tour=tour, tour_changes=0)

    def advance(self, time: Fraction) -> Self:
        """Return the state after all changes of the tour that are due at `time`."""
        state = self
        while state.tour is not None and state.tour_changes < state.tour.changes(time):
            number = state.tour_changes + 1
            state = state.fade_to(*state.tour.preset(number), state.tour.moment(number))
            state = dataclasses.replace(state, tour_changes=number)
        return state

    def merge(self, preset_settings: DreamSettings) -> DreamSettings:
        """Return the settings of a preset as they are used here.

        Device, precision, seed and working height stay, and so do the controls that were given; if these name a network
        or layers, the network stays too.
        """
        kept = {name: getattr(self.settings, name) for name in (*_LASTING, *self.given)}
        if not _NETWORK.isdisjoint(self.given):
            kept |= {"model": self.settings.model, "weights": self.settings.weights}
            if "layers" not in self.given and network_for(preset_settings).name != network_for(self.settings).name:
                kept["layers"] = "auto"  # the preset's layers belong to another network
        return preset_settings.replace(**kept)
