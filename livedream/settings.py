"""The controls of a dream, in one table.

Everything that shows or takes a control is generated from this table: the command line, the presets, the checks below.
A new control is a new field of DreamSettings and nothing else.
"""

import dataclasses
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from livedream.control import Control
from livedream.documented import Documented
from livedream.errors import ArgumentError, unknown
from livedream.hints import either

DEFAULTS_GENERATION = 2
"""Goes up when a default changes: a recipe names only what is no default, and says which generation it means."""


def _control(default: int | float | str, help: str, **row: Any) -> Any:
    return dataclasses.field(default=default, metadata={"help": help, **row})


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamSettings(metaclass=Documented):
    """How to dream: all controls, each with a default. Frozen; `replace` returns a changed copy.

        settings = DreamSettings(layers="blocks.10 + 0.5*blocks.6", steps=2)
        stronger = settings.replace(step_size=4)

    `load_preset("film")` returns the settings of a preset, `preset_names()` lists them.

    Raises:
        ArgumentError: a ValueError that names every wrong value, with the allowed range.
    """

    model: str = _control(
        "auto",
        "network, see livedream models",
        prepared=True,
        details="auto takes the one in the package that has the layers",
    )
    weights: str = _control(
        "official",
        "file with weights of your own",
        prepared=True,
        details="a state dict or safetensors; official takes those it is published with",
    )
    layers: str = _control(
        "auto",
        "what to dream of, see docs/reference/layers.md",
        prepared=True,
        keys=("k", "l"),
        details="layers, channels, classes, guides and sums of them; `fire4 | fire9` goes from small octaves to large; "
        "auto takes the network's best",
    )
    steps: int = _control(
        1, "gradient steps per frame", low=1, high=20, keys=("1", "2"), press=1, only="films", counterpart="still_steps"
    )
    still_steps: int = _control(
        15,
        "steps per octave of a picture",
        low=1,
        high=500,
        only="pictures",
        counterpart="steps",
        details="gradient steps; a picture is dreamt at each of its octaves, from small to large",
    )
    step_size: float = _control(
        2.5,
        "change per step",
        unit="levels of 255",
        low=0.01,
        high=50,
        keys=("3", "4"),
        press=0.25,
        details="how far one gradient step moves a pixel on average",
    )
    octaves: int = _control(
        4,
        "octaves of a frame",
        low=1,
        high=10,
        prepared=True,
        details="the sizes at which it is dreamt, each smaller than the one before; large forms come from small ones",
        only="films",
        counterpart="smallest_octave",
    )
    octave_scale: float = _control(
        1.4,
        "size ratio of two octaves",
        low=1.05,
        high=4,
        prepared=True,
        details="the size of an octave over that of the next smaller one",
    )
    jitter: int = _control(
        32,
        "largest random shift",
        unit="pixels",
        low=0,
        high=512,
        details="each step sees the picture shifted, so that no seams of the network's grid show",
    )
    working_height: int = _control(
        256,
        "height of a dreamt frame",
        unit="pixels",
        low=32,
        high=4320,
        prepared=True,
        keys=("5", "6"),
        press=32,
        details="the cost depends on it, and not on the size of the source",
        only="films",
        counterpart="still_height",
    )
    smallest_octave: int = _control(
        100,
        "smallest picture octave",
        unit="pixels",
        low=32,
        high=8640,
        details="its shortest side; the smaller, the larger the forms",
        only="pictures",
        counterpart="octaves",
    )
    still_height: int = _control(
        720,
        "height of a dreamt picture",
        unit="pixels",
        low=32,
        high=8640,
        only="pictures",
        counterpart="working_height",
    )
    tile_size: int = _control(
        1280,
        "largest tile of a picture",
        unit="pixels",
        low=256,
        high=8640,
        details="the largest side that the network sees at once; smaller tiles take less memory and leave no seams",
        only="pictures",
    )
    keep: float = _control(
        0.99,
        "share of the dream kept per frame",
        low=0,
        high=0.999,
        keys=("7", "8"),
        press=0.01,
        details="0 dreams each frame afresh",
        only="films",
    )
    flow_scale: float = _control(
        1.0,
        "resolution of the motion estimate",
        low=0.1,
        high=1,
        details="a share of the working size; 1 is steadier, less is faster",
        only="films",
    )
    temporal_smoothing: float = _control(
        0.85,
        "less flicker, slower change",
        low=0,
        high=0.95,
        details="share of a change that comes in over the next frames; 0 shows it at once",
        only="films",
    )
    still_scene: Literal["dream", "deeper", "rest"] = _control(
        "dream",
        "what to do while nothing moves",
        details="once nothing has moved for 30 frames: dream on as before, dream in twice as many steps if there is "
        "time for them, or let the grown dream stand while the processor rests",
        only="films",
    )
    zoom: float = _control(
        1.0,
        "growth of the dream per frame",
        low=0.8,
        high=1.25,
        keys=("u", "i"),
        press=0.002,
        only="films",
        details="a factor; 1 leaves its size",
    )
    rotate: float = _control(
        0.0,
        "clockwise turn per frame",
        unit="degrees",
        low=-30,
        high=30,
        keys=("w", "e"),
        press=0.1,
        only="films",
        details="what was dreamt turns on from frame to frame",
    )
    strength: float = _control(
        1.0,
        "how much of the dream shows",
        low=0,
        high=4,
        keys=("9", "0"),
        press=0.1,
        details="0 shows the source",
    )
    mask: Literal["all", "person", "background", "motion", "still"] = _control(
        "all",
        "where the dream shows",
        keys=("a",),
        details="the whole frame, the person, all but the person, what moves or what stands still, see "
        "docs/how-to/masks.md; masks in the layers hold as well",
    )
    mask_feather: float = _control(
        0.0,
        "width of the mask's soft edge",
        unit="pixels",
        low=0,
        high=500,
        details="of the frame, beyond the edge that the mask has by itself",
    )
    mask_strength: float = _control(
        1.0,
        "how much the mask hides",
        low=0,
        high=1,
        details="0 shows the dream everywhere, 0.5 half of it outside the mask, 1 none",
    )
    motion_seconds: float = _control(
        2.0,
        "how long motion is remembered",
        unit="seconds",
        low=0.05,
        high=60,
        details="for the masks motion and still: in this time what moved fades to about a third",
        only="films",
    )
    no_person: Literal["all", "nothing"] = _control(
        "all",
        "what is dreamt when nobody is seen",
        details="for the masks person and background: the whole frame or nothing, faded in over about a second",
    )
    natural_color: float = _control(
        0.35,
        "neon (0), muted (1), brightness only (2)",
        low=0,
        high=2,
        keys=(",", "."),
        press=0.05,
        details="how far the dream keeps to the colours of photographs; 2 changes brightness alone",
    )
    coarseness: float = _control(
        0.7,
        "large forms against fine detail",
        low=-1,
        high=2,
        keys=("[", "]"),
        press=0.1,
        details="each octave of detail counts 2 to that power as much as the next finer one",
    )
    pooling: Literal["max", "average"] = _control(
        "max",
        "average paints broad strokes",
        prepared=True,
        keys=("o",),
        details="max leaves the network's own pooling",
    )
    seed: int = _control(
        0, "seed of the random numbers", low=0, high=999_999_999, details="the same seed dreams the same"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = _control("auto", "processor that runs the network", live=False)
    precision: Literal["auto", "float16", "bfloat16", "float32"] = _control(
        "auto", "number format inside the network", live=False
    )

    def __post_init__(self) -> None:
        for control in CONTROLS:
            object.__setattr__(self, control.name, control.plain(getattr(self, control.name)))
        faults = [fault for control in CONTROLS if (fault := control.fault(getattr(self, control.name)))]
        if faults:
            hint = either("livedream run --help lists every control", "help(DreamSettings) lists every control")
            if isinstance(self.mask, str) and "." in self.mask:
                hint = "a picture is a mask in the layers, as in auto + mask:face.png"
            raise ArgumentError("; ".join(faults), hint)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with the named controls changed. Raises ArgumentError for an unknown name or a wrong value."""
        for name in changes:
            if name not in _names:
                raise unknown("control", name, _names)
        return dataclasses.replace(self, **changes)


def _row(field: "dataclasses.Field[Any]") -> Control:
    choices = get_args(field.type)  # of a Literal; other types have none
    kind: Any = str if choices else field.type
    default: Any = field.default
    return Control(name=field.name, kind=kind, default=default, choices=choices, **field.metadata)


CONTROLS: tuple[Control, ...] = tuple(map(_row, dataclasses.fields(DreamSettings)))
_names = [control.name for control in CONTROLS]


def _described(doc: str) -> str:
    """Return the docstring of the settings with what the table says of each control."""
    arguments = [
        textwrap.fill(control.documentation, 96, initial_indent=" " * 8, subsequent_indent=" " * 12)
        for control in CONTROLS
    ]
    return doc.replace("    Raises:", "\n".join(["    Args:", *arguments, "", "    Raises:"]))


# Without docstrings (python -OO) there is nothing to add to.
DreamSettings.__doc__ = DreamSettings.__doc__ and _described(DreamSettings.__doc__)
# What `help` shows in a line: names and defaults; the types stand beside the meaning.
DreamSettings.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.Parameter(control.name, inspect.Parameter.KEYWORD_ONLY, default=control.default) for control in CONTROLS]
)
