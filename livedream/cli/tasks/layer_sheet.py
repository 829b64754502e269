"""A contact sheet of one photograph, dreamt at each layer of a network."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from livedream import contact_sheet
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.cli.activity import Activity
from livedream.cli.console import say
from livedream.cli.progress import counted, elapsed
from livedream.cli.signals import stopping
from livedream.cli.tasks.channel_pictures import refuse_videos
from livedream.cli.tasks.costs import step_cost
from livedream.cli.tasks.recipes import files_read, new_dreamer, prepare, recipe_of
from livedream.cli.tasks.reporting import describe
from livedream.dream.objective.network_choice import network_for
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.sink.sink import Sink
from livedream.steps import Parts, StepReport
from livedream.stream_info import StreamInfo
from livedream.visualize.blocks import block_layers
from livedream.visualize.visualizer import Visualizer

COLUMNS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRequest:
    """What the command line asks of a sheet."""

    photo: str
    target: str
    preset: str
    """The preset that the settings are based on."""
    settings: DreamSettings
    layers: Sequence[str] = ()
    """None means each block of the network."""
    width: int
    """Of a tile, in pixels; its height follows from the photograph."""
    overwrite: bool = False
    recipe: bool = True
    """Whether the sheet carries its recipe."""


def compare(request: SheetRequest) -> None:
    """Write the sheet. Raises ArgumentError when the photograph or the target is not a single picture."""
    refuse_videos(request.target)
    layers = request.layers or _blocks(request.settings)
    all_layers = request.settings.replace(layers=" + ".join(layers))
    with stopping(), open_source(request.photo) as source:
        if not source.stills or source.length != 1:
            raise ArgumentError(f"{request.photo} is not one picture", "name a photograph")
        info = StreamInfo.of(source, also_read=files_read(request.preset, all_layers))
        with open_sink(request.target, info, overwrite=request.overwrite) as sink:
            seconds = _dream_layers(request, source, layers, all_layers, sink)
    say(f"dreamt at {counted(len(layers), 'layer')} in {elapsed(seconds)}; written: {request.target}")


def _blocks(settings: DreamSettings) -> list[str]:
    with Activity("preparing") as activity:
        finder = Visualizer(settings)
        finder.on_step = activity.step
        return list(finder.channels(block_layers(network_for(settings).name)))


def _dream_layers(
    request: SheetRequest, source: Source, layers: Sequence[str], all_layers: DreamSettings, sink: Sink
) -> float:
    """Dream the photograph at each layer, write the sheet, and return the seconds that took."""
    settings, looks = request.settings, dict(network_for(request.settings).layers)
    photo = next(iter(source)).pixels
    size = request.width, max(1, round(request.width * photo.shape[0] / photo.shape[1]))
    tiles: list[np.ndarray] = [contact_sheet.tile(photo, size, "the picture")]
    # With all layers at once: an error in any of them comes out now, and the network is loaded once.
    dreamer = new_dreamer(all_layers)
    prepare(dreamer, source)
    recipe = recipe_of(dreamer, source, {"sheet": "each layer by itself"})
    dreamer.settings = settings.replace(layers=layers[0])
    say(f"{dreamer.description} and others: {describe(source)} -> {request.target}")
    began = time.monotonic()
    with Activity("dreaming") as activity:
        parts = Parts([step_cost(settings.replace(layers=layer)) for layer in layers], activity.step)
        for number, layer in enumerate(layers):
            dreamer.settings = settings.replace(layers=layer)
            dreamer.on_step = parts.of(number, f"{layer}, layer {number + 1} of {len(layers)}")
            label = f"{layer}: {looks[layer]}" if layer in looks else layer
            tiles.append(contact_sheet.tile(dreamer(photo), size, label))
        activity.step(StepReport(f"writing {request.target}"))
        sink.recipe = recipe if request.recipe else None
        sink.write(Frame(contact_sheet.sheet(contact_sheet.in_rows(tiles, COLUMNS)), Fraction(0), 0))
    return time.monotonic() - began
