"""A sheet with one photograph dreamt at each layer."""

from collections.abc import Sequence
from fractions import Fraction

from livedream import sheet
from livedream.capture.source import open_source
from livedream.cli.drawing import refuse_films
from livedream.cli.dreaming import describe, files_read, new_dreamer, prepare
from livedream.cli.output import remark, say
from livedream.cli.stopping import stopping
from livedream.dream.choice import network_for
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.sink.sink import Facts, open_sink
from livedream.visualize.blocks import block_layers
from livedream.visualize.visualize import Visualizer

COLUMNS = 4


def compare(
    photo: str, target: str, preset: str, settings: DreamSettings, layers: Sequence[str], width: int, overwrite: bool
) -> None:
    """Write a sheet of the picture `photo`, dreamt at each of `layers`, or at each block of the network.

    preset: on which the settings stand. width: of a tile, in pixels; its height follows from the picture.
    """
    refuse_films(target)
    row = network_for(settings)
    layers = layers or list(Visualizer(settings).channels(block_layers(row.name)))
    every = settings.replace(layers=" + ".join(layers))
    looks = dict(row.layers)
    with stopping(), open_source(photo) as source:
        if not source.stills or source.length != 1:
            raise ArgumentError(f"{photo} is not one picture", "name a photograph")
        facts = Facts.of(source, also_read=files_read(preset, every))
        with open_sink(target, facts, overwrite=overwrite) as sink:
            pixels = next(iter(source)).pixels
            size = width, max(1, round(width * pixels.shape[0] / pixels.shape[1]))
            tiles = [sheet.tile(pixels, size, "the picture")]
            # What is wrong with any of them comes out now, and the network is loaded once.
            dreamer, recipe = prepare(new_dreamer(every), source, {"sheet": "each layer by itself"})
            for number, layer in enumerate(layers, 1):
                dreamer.settings = settings.replace(layers=layer)
                dream = dreamer(pixels)
                if number == 1:
                    say(f"{dreamer.description} and others: {describe(source)} -> {target}")
                remark(f"{number} of {len(layers)}: {layer}")
                tiles.append(sheet.tile(dream, size, f"{layer}: {looks[layer]}" if layer in looks else layer))
            sink.recipe = recipe
            sink.write(Frame(sheet.sheet(sheet.in_rows(tiles, COLUMNS)), Fraction(0), 0))
    say(f"written: {target}")
