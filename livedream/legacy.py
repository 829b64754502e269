"""Translates presets and recipes that were written before a change of the controls or their defaults."""

import logging
import math

from livedream.errors import ArgumentError
from livedream.printable import quoted_value
from livedream.settings import DEFAULTS_GENERATION

_log = logging.getLogger(__name__)

GENERATION = "defaults"
"""The key in the table of a recipe for the generation of the defaults that the recipe relies on."""

_FIRST_DEFAULTS: dict[str, object] = {
    "model": "squeezenet",
    "still_steps": 10,
    "step_size": 1.5,
    "octaves": 3,
    "keep": 0.98,
    "flow_scale": 0.5,
    "temporal_smoothing": 0.5,
    "color": 1.0,
    "smoothing": "none",
}
"""The defaults of the first generation that differ from today's."""
_CHROMA_EXPONENT = math.log(0.076)
"""`natural_color` p multiplies the stronger of the two chroma directions by 0.076^p (see `livedream.dream.image`)."""
_COARSENESS = {"none": 0.0, "gaussian": 0.7, "laplacian": 1.0}


def upgraded(table: dict[str, object], *, is_recipe: bool, generation: object, name: str) -> dict[str, object]:
    """Return the controls in `table`, translated to today's controls.

    Args:
        table: controls by name, as read from TOML; not changed.
        is_recipe: whether it is the recipe of an output, which leaves out the defaults at the time of writing.
        generation: the generation of those defaults; None for the first.
        name: the name of the file, for messages.

    Raises:
        ArgumentError: an old control has a value that was never allowed. DreamSettings checks the other values.
    """
    table = dict(table)
    if is_recipe and generation is None:
        table = {**_FIRST_DEFAULTS, **table}
        if table["model"] == "squeezenet" and table.get("layers", "auto") == "auto":
            table["layers"] = "fire6"
    elif is_recipe and isinstance(generation, int) and generation > DEFAULTS_GENERATION:
        _log.warning("%s was written by a newer version of livedream, whose defaults may differ", name)
    replaced = {"color": _natural_color, "smoothing": _coarseness}
    for old, translate in replaced.items():
        if old in table:
            control, value = translate(table.pop(old))
            table.setdefault(control, value)
            if not is_recipe:
                _log.warning(
                    "%s: %s was replaced by %s; using %s = %s, which is similar", name, old, control, control, value
                )
    return table


def _natural_color(color: object) -> tuple[str, float]:
    """Translate the share of the chroma that was kept, from 0 (none) to 1 (all)."""
    if isinstance(color, bool) or not isinstance(color, int | float) or not 0 <= color <= 1:
        raise ArgumentError(
            f"color must be a number from 0 to 1, got {quoted_value(color)}", "use natural_color instead"
        )
    # abs: the logarithm of 1 over a number below 0 is -0.0.
    return "natural_color", 2.0 if color == 0 else round(min(abs(math.log(color) / _CHROMA_EXPONENT), 2.0), 2)


def _coarseness(smoothing: object) -> tuple[str, float]:
    if not isinstance(smoothing, str) or smoothing not in _COARSENESS:
        raise ArgumentError(
            f"smoothing must be none, gaussian or laplacian, got {quoted_value(smoothing)}",
            "use coarseness instead",
        )
    return "coarseness", _COARSENESS[smoothing]
