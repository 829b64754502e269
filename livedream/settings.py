"""The controls of a dream, in one table.

The command line, the presets and the checks below are generated from this table. CONTRIBUTING.md says how to
add a control.
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
"""Goes up when a default changes: a recipe lists only values that differ from the defaults of its generation."""


def _control(default: int | float | str, help: str, **row: Any) -> Any:
    return dataclasses.field(default=default, metadata={"help": help, **row})


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamSettings(metaclass=Documented):
    """How to dream: all controls, each with a default. Frozen; `replace` returns a changed copy.

        settings = DreamSettings(layers="blocks.10 + 0.5*blocks.6", steps=2)
        stronger = settings.replace(step_size=4)

    `load_preset("film")` returns the settings of a preset, `preset_names()` lists them.

    Raises:
        ArgumentError: some values are wrong. It is a ValueError, and names each of them with the allowed range.
    """

    model: str = _control(
        "auto",
        "network, see livedream models",
        prepared=True,
        details="auto chooses the bundled network that has the layers",
    )
    weights: str = _control(
        "official",
        "file with your own weights",
        prepared=True,
        details="a state dict or safetensors file; official uses the published weights",
    )
    layers: str = _control(
        "auto",
        "what to dream of, see docs/reference/layers.md",
        prepared=True,
        keys=("k", "l"),
        details="layers, channels, classes, guides and sums of them; `fire4 | fire9` changes from small octaves to "
        "large ones; auto chooses the network's best layer",
    )
    steps: int = _control(
        1,
        "gradient steps per frame",
        low=1,
        high=20,
        keys=("1", "2"),
        press=1,
        only="videos",
        counterpart="still_steps",
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
        details="the average change of a pixel in one gradient step",
    )
    octaves: int = _control(
        4,
        "octaves of a frame",
        low=1,
        high=10,
        prepared=True,
        details="the sizes at which a frame is dreamt, from large to small; small octaves make large forms",
        only="videos",
        counterpart="smallest_octave",
    )
    octave_scale: float = _control(
        1.4,
        "size ratio of two octaves",
        low=1.05,
        high=4,
        prepared=True,
        details="the size of an octave divided by that of the next smaller one",
    )
    jitter: int = _control(
        32,
        "largest random shift",
        unit="pixels",
        low=0,
        high=512,
        details="each step shifts the picture, so that the network's grid leaves no seams",
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
        details="the cost depends on it, not on the size of the source",
        only="videos",
        counterpart="still_height",
    )
    smallest_octave: int = _control(
        100,
        "smallest picture octave",
        unit="pixels",
        low=32,
        high=8640,
        details="its shortest side; the smaller it is, the larger the forms",
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
        details="the longest side that the network sees at once; smaller tiles take less memory and leave no seams",
        only="pictures",
    )
    keep: float = _control(
        0.99,
        "share of the dream kept per frame",
        low=0,
        high=0.999,
        keys=("7", "8"),
        press=0.01,
        details="0 dreams each frame from scratch",
        only="videos",
    )
    flow_scale: float = _control(
        1.0,
        "resolution of the motion estimate",
        low=0.1,
        high=1,
        details="relative to the working size; 1 is steadier, less is faster",
        only="videos",
    )
    temporal_smoothing: float = _control(
        0.85,
        "less flicker, slower change",
        low=0,
        high=0.95,
        details="share of a change that is spread over the next frames; 0 shows it at once",
        only="videos",
    )
    still_scene: Literal["dream", "deeper", "rest"] = _control(
        "dream",
        "what to do while nothing moves",
        details="after 30 frames without motion: dream continues as before, deeper takes twice as many steps if there "
        "is time, rest keeps the finished dream while the processor idles",
        only="videos",
    )
    zoom: float = _control(
        1.0,
        "growth of the dream per frame",
        low=0.8,
        high=1.25,
        keys=("u", "i"),
        press=0.002,
        only="videos",
        details="a factor; 1 keeps the size",
    )
    rotate: float = _control(
        0.0,
        "clockwise turn per frame",
        unit="degrees",
        low=-30,
        high=30,
        keys=("w", "e"),
        press=0.1,
        only="videos",
        details="the dream keeps turning from frame to frame",
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
        details="everywhere, on the person, around the person, where something moves or where nothing moves, see "
        "docs/how-to/masks.md; masks in the layers apply as well",
    )
    mask_feather: float = _control(
        0.0,
        "width of the mask's soft edge",
        unit="pixels",
        low=0,
        high=500,
        details="in pixels of the frame, beyond the edge of the mask itself",
    )
    mask_strength: float = _control(
        1.0,
        "how much the mask hides",
        low=0,
        high=1,
        details="outside the mask, 0 shows the whole dream, 0.5 half of it and 1 none",
    )
    motion_seconds: float = _control(
        2.0,
        "how long motion is remembered",
        unit="seconds",
        low=0.05,
        high=60,
        details="for the masks motion and still: in this time a trace of motion fades to about a third",
        only="videos",
    )
    no_person: Literal["all", "nothing"] = _control(
        "all",
        "what to dream when nobody is in view",
        details="for the masks person and background: the whole frame or nothing; the change takes about a second",
    )
    natural_color: float = _control(
        0.35,
        "neon (0), muted (1), brightness only (2)",
        low=0,
        high=2,
        keys=(",", "."),
        press=0.05,
        details="how closely the dream keeps to the colours of photographs; 2 changes only brightness",
    )
    coarseness: float = _control(
        0.7,
        "higher: large forms; lower: detail",
        low=-1,
        high=2,
        keys=("[", "]"),
        press=0.1,
        details="each octave of detail has 2 to this power times the weight of the next finer one",
    )
    pooling: Literal["max", "average"] = _control(
        "max",
        "average gives broader strokes",
        prepared=True,
        keys=("o",),
        details="max keeps the network's own pooling",
    )
    seed: int = _control(
        0, "seed of the random numbers", low=0, high=999_999_999, details="the same seed gives the same dream"
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
                hint = "to use a picture as a mask, name it in the layers: auto + mask:face.png"
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
    """Return the docstring of the settings with a description of each control."""
    arguments = [
        textwrap.fill(control.documentation, 96, initial_indent=" " * 8, subsequent_indent=" " * 12)
        for control in CONTROLS
    ]
    return doc.replace("    Raises:", "\n".join(["    Args:", *arguments, "", "    Raises:"]))


# With python -OO there is no docstring.
DreamSettings.__doc__ = DreamSettings.__doc__ and _described(DreamSettings.__doc__)
# `help` shows names and defaults in one line; the docstring has types and meanings.
DreamSettings.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [inspect.Parameter(control.name, inspect.Parameter.KEYWORD_ONLY, default=control.default) for control in CONTROLS]
)
