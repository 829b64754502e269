"""A sheet with one photograph dreamt at each layer."""

import time
from collections.abc import Sequence
from fractions import Fraction

from livedream import contact_sheet
from livedream.capture.open import open_source
from livedream.cli.activity import Activity
from livedream.cli.console import say
from livedream.cli.progress import counted, elapsed
from livedream.cli.signals import stopping
from livedream.cli.tasks.channel_pictures import refuse_films
from livedream.cli.tasks.costs import step_cost
from livedream.cli.tasks.dream import new_dreamer, prepare
from livedream.cli.tasks.recipes import files_read
from livedream.cli.tasks.reporting import describe
from livedream.dream.choice import network_for
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.sink.open import open_sink
from livedream.steps import Parts, StepReport
from livedream.stream_info import StreamInfo
from livedream.visualize.blocks import block_layers
from livedream.visualize.visualizer import Visualizer

COLUMNS = 4


def compare(
    photo: str,
    target: str,
    preset: str,
    settings: DreamSettings,
    layers: Sequence[str],
    width: int,
    overwrite: bool,
    carries_recipe: bool = True,
) -> None:
    """Write a sheet of the picture `photo`, dreamt at each of `layers`, or at each block of the network.

    preset: on which the settings stand. width: of a tile, in pixels; its height follows from the picture.
    carries_recipe: whether the sheet does.
    """
    refuse_films(target)
    row = network_for(settings)
    if not layers:
        with Activity("preparing") as shown:
            finder = Visualizer(settings)
            finder.on_step = shown.step
            layers = list(finder.channels(block_layers(row.name)))
    every = settings.replace(layers=" + ".join(layers))
    looks = dict(row.layers)
    with stopping(), open_source(photo) as source:
        if not source.stills or source.length != 1:
            raise ArgumentError(f"{photo} is not one picture", "name a photograph")
        info = StreamInfo.of(source, also_read=files_read(preset, every))
        with open_sink(target, info, overwrite=overwrite) as sink:
            pixels = next(iter(source)).pixels
            size = width, max(1, round(width * pixels.shape[0] / pixels.shape[1]))
            tiles = [contact_sheet.tile(pixels, size, "the picture")]
            # What is wrong with any of them comes out now, and the network is loaded once.
            dreamer, recipe = prepare(new_dreamer(every), source, {"sheet": "each layer by itself"})
            dreamer.settings = settings.replace(layers=layers[0])
            say(f"{dreamer.description} and others: {describe(source)} -> {target}")
            began = time.monotonic()
            with Activity("dreaming") as shown:
                parts = Parts([step_cost(settings.replace(layers=layer)) for layer in layers], shown.step)
                for number, layer in enumerate(layers):
                    dreamer.settings = settings.replace(layers=layer)
                    dreamer.on_step = parts.of(number, f"{layer}, layer {number + 1} of {len(layers)}")
                    dream = dreamer(pixels)
                    tiles.append(
                        contact_sheet.tile(dream, size, f"{layer}: {looks[layer]}" if layer in looks else layer)
                    )
                shown.step(StepReport(f"writing {target}"))
                sink.recipe = recipe if carries_recipe else None
                sink.write(Frame(contact_sheet.sheet(contact_sheet.in_rows(tiles, COLUMNS)), Fraction(0), 0))
    say(f"dreamt at {counted(len(layers), 'layer')} in {elapsed(time.monotonic() - began)}; written: {target}")
