"""The settings of a dream, the dreamer that they make, and the recipe of what comes out."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livedream.capture.source import Source
from livedream.cli.activity import QUICK_SECONDS, Activity
from livedream.cli.tasks.loading import load_torch
from livedream.cli.tasks.request import Request
from livedream.dream.objective.ingredients import ingredients
from livedream.dream.objective.network_choice import AUTO, network_for
from livedream.dream.objective.parser import parse
from livedream.models import OFFICIAL
from livedream.presets import FILM, LIVE, STILL, load_preset
from livedream.recipe import Recipe, fingerprint
from livedream.settings import DreamSettings
from livedream.steps import OnStep

if TYPE_CHECKING:
    from livedream.dream.dreamer import Dreamer


def choose_settings(preset: str, controls: Mapping[str, Any]) -> DreamSettings:
    """Return the preset with the given controls on top. With another network than the preset's, the layers are `auto`.

    Raises as `load_preset`.
    """
    settings = load_preset(preset)
    if controls.get("model", AUTO) not in (AUTO, network_for(settings).name):
        settings = settings.replace(layers="auto")  # those of the preset belong to another network
    settings = settings.replace(**controls)
    network_for(settings)
    return settings


def usual_preset(source: Source) -> str:
    """Return the default preset for `source`."""
    return STILL if source.stills else LIVE if source.live else FILM


def files_read(preset: str | None, settings: DreamSettings) -> dict[Path, str]:
    """Return the files other than the source that a dream reads, each with a description. No output may replace them.

    preset: as for `choose_settings`.
    """
    read = dict.fromkeys(parse(settings.layers).files, "a file named in the layers")
    if settings.weights != OFFICIAL:
        read[Path(settings.weights)] = "the file of the weights"
    if preset is not None and Path(preset).suffix:
        read[Path(preset)] = "the preset"
    return read


def recipe_for(source: Source, settings: DreamSettings, used: str, options: Mapping[str, str | int]) -> Recipe:
    """Return the recipe of a dream of `source`. used, options: as a Recipe has them. Raises as `ingredients`."""
    return Recipe(
        settings=settings,
        source=source.path.resolve().name if source.path else "",  # without the folder, because videos are passed on
        fingerprint=fingerprint(source.files) or source.identity,
        ingredients=ingredients(settings),
        used=used,
        options=options,
    )


def recipe_of(dreamer: "Dreamer", source: Source, options: Mapping[str, str | int]) -> Recipe:
    """Return the recipe of what `dreamer` makes of `source`. options: as `recipe_options` returns them."""
    with Activity(f"reading {source.name}", delay=QUICK_SECONDS):
        return recipe_for(source, dreamer.settings, dreamer.description, options)


def recipe_options(request: Request) -> dict[str, str | int]:
    """Return what the output depends on besides settings and source, by the names of the command line."""
    looped = request.playback.loop
    numbers = {
        "start": request.start,
        "end": request.end if looped else request.until,
        "duration": request.duration if looped else None,
        "tour": request.tour,
        "rate": request.rate,
    }
    options: dict[str, str | int] = {name: str(number) for name, number in numbers.items() if number is not None}
    if request.playback.rounds is not None and request.playback.rounds > 1:
        options["loop"] = request.playback.rounds
    if request.encoding.codec != "auto":
        options["codec"] = request.encoding.codec
    if request.encoding.quality is not None:
        options["quality"] = request.encoding.quality
    if request.encoding.hardware != "off":
        options["hardware"] = request.encoding.hardware
    return options


def new_dreamer(settings: DreamSettings) -> "Dreamer":
    load_torch()
    from livedream.dream.dreamer import Dreamer

    return Dreamer(settings)


def prepare(dreamer: "Dreamer", source: Source, on_step: OnStep | None = None, *, soon: bool = False) -> None:
    """Load the network of `dreamer` and warm it up for `source`.

    Args:
        on_step: called with the progress, on the thread that dreams; without it a status line shows the progress.
        soon: see `Dreamer.prepare`.
    """
    if on_step is None:
        with Activity("preparing") as activity:
            prepare(dreamer, source, activity.step, soon=soon)
        return
    dreamer.on_step = on_step
    try:
        dreamer.prepare(source.size, still=source.stills, soon=soon)
    finally:
        dreamer.on_step = None
