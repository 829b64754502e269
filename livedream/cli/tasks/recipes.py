"""The settings of a dream, a preset with the controls given on top of it, and its recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedream.capture.source import Source
from livedream.dream.choice import AUTO, network_for
from livedream.dream.objective.parser import parse
from livedream.models import OFFICIAL
from livedream.presets import FILM, LIVE, STILL, load_preset
from livedream.recipe import Recipe, fingerprint
from livedream.settings import DreamSettings


def choose_settings(preset: str, controls: Mapping[str, Any]) -> DreamSettings:
    """Return the preset, with the given controls on top. With another network than its own the layers are `auto`.

    Raises as `load_preset`.
    """
    settings = load_preset(preset)
    if controls.get("model", AUTO) not in (AUTO, network_for(settings).name):
        settings = settings.replace(layers="auto")  # its own are those of another network
    settings = settings.replace(**controls)
    network_for(settings)
    return settings


def usual_preset(source: Source) -> str:
    """Return the preset for `source` when nobody names one."""
    return STILL if source.stills else LIVE if source.live else FILM


def files_read(preset: str | None, settings: DreamSettings) -> dict[Path, str]:
    """Return the files beside the source of which a dream is made, with what each is; no output may replace one.

    preset: as `choose_settings` takes it.
    """
    read = dict.fromkeys(parse(settings.layers).files, "a file that the layers name")
    if settings.weights != OFFICIAL:
        read[Path(settings.weights)] = "the file of the weights"
    if preset is not None and Path(preset).suffix:
        read[Path(preset)] = "the preset"
    return read


def ingredients(settings: DreamSettings) -> str:
    """Return the fingerprint of the files that the layers name, and of weights of one's own.

    Raises SourceError, ArgumentError.
    """
    weights = [] if settings.weights == OFFICIAL else [Path(settings.weights)]
    return fingerprint([*parse(settings.layers).files, *weights])


def recipe_for(source: Source, settings: DreamSettings, used: str, options: Mapping[str, str | int]) -> Recipe:
    """Return the recipe of a dream of `source`. used, options: as a Recipe has them. Raises as `ingredients`."""
    return Recipe(
        settings=settings,
        source=source.path.resolve().name if source.path else "",  # no folder's name: films are passed on
        fingerprint=fingerprint(source.files) or source.identity,
        ingredients=ingredients(settings),
        used=used,
        options=options,
    )
