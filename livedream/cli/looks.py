"""The settings of a dream: a preset, and the controls that are given on top of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedream.capture.source import Source
from livedream.dream.choice import AUTO, network_for
from livedream.dream.grammar import parse
from livedream.models import OFFICIAL
from livedream.presets import FILM, LIVE, STILL, load_preset
from livedream.recipe import fingerprint
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
