"""The atlas of a network: images of selected channels of each layer, from shallow to deep."""

import html
import re
from collections.abc import Mapping, Sequence

from livedream.names import fitting
from livedream.visualize.blocks import block_layers
from livedream.visualize.visualizer import Visualizer


def choose_channels(draw: Visualizer, model: str, count: int) -> dict[str, list[str]]:
    """Return objectives such as `fire9:42` for `count` channels of each block layer, by layer from shallow to deep.

    The channels are spread evenly over the layer, because the two halves of a layer may differ in kind.

    Args:
        draw: the visualizer of the network.
        model: name of the network.
        count: number of channels per layer; all channels of a layer with fewer.
    """
    counts = draw.channels(block_layers(model))
    chosen = {}
    for layer, total in counts.items():
        channels = range(total) if total <= count else [(2 * n + 1) * total // (2 * count) for n in range(count)]
        chosen[layer] = [f"{layer}:{channel}" for channel in channels]
    return chosen


def picture_name(objective: str) -> str:
    """Return the file name for the image of an objective, for example `fire9-42.png`."""
    objective = re.sub(r"^-| - ", " minus ", objective)  # otherwise a difference and a sum would have the same name
    plain = "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in objective)
    return fitting("-".join(filter(None, plain.split("-"))), ".png")


def page(model: str, used: str, rows: Mapping[str, Sequence[str]], looks: Mapping[str, str], size: int) -> str:
    """Return the HTML page of an atlas. It needs no other files than the images, in the same folder.

    Args:
        model: name of the network.
        used: description of device, precision and network.
        rows: objectives by layer.
        looks: descriptions of the dreams of layers, for some layers.
        size: width and height of the images, in pixels.
    """
    model, used = html.escape(model), html.escape(used)
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>Atlas of {model}</title>",
        "<style>",
        "body { background: #111; color: #ddd; font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1em; "
        "max-width: 90em }",
        "nav { position: sticky; top: 0; background: #111; padding: .5em 0 }",
        "a { color: #9cf; text-decoration: none; margin-right: 1em }",
        "section { scroll-margin-top: 4em }",
        "h2 small { color: #999; font-weight: normal }",
        "figure { display: inline-block; margin: 0 .5em .5em 0 }",
        "figcaption { font-family: monospace; color: #999 }",
        f"img {{ width: {size}px; height: {size}px }}",
        "img:hover { transform: scale(2); position: relative; z-index: 1 }",
        "</style>",
        "</head>",
        "<body>",
        f"<h1>What {model} looks for</h1>",
        f"<p>Each picture, drawn from noise, excites one channel of a layer most; the layers go from shallow to deep. "
        f"{used}.</p>",
        "<nav>",
        *(f'<a href="#{html.escape(layer)}">{html.escape(layer)}</a>' for layer in rows),
        "</nav>",
    ]
    for layer, objectives in rows.items():
        look = f" <small>{html.escape(looks[layer])}</small>" if layer in looks else ""
        lines += [f'<section id="{html.escape(layer)}">', f"<h2>{html.escape(layer)}{look}</h2>"]
        for objective in objectives:
            name, text = html.escape(picture_name(objective)), html.escape(objective)
            lines.append(
                f'<figure><a href="{name}"><img src="{name}" alt="{text}" loading="lazy"></a>'
                f"<figcaption>{text}</figcaption></figure>"
            )
        lines.append("</section>")
    return "\n".join([*lines, "</body>", "</html>", ""])
