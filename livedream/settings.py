"""The controls of a dream, in one table.

Everything that shows or takes a control is generated from this table: the command line, the presets, the checks below.
A new control is a new field of DreamSettings and nothing else.
"""

import dataclasses
import inspect
import math
import textwrap
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from livedream.documented import Documented
from livedream.errors import ArgumentError, unknown
from livedream.hints import either
from livedream.printable import quoted_value

DEFAULTS_GENERATION = 2
"""Goes up when a default changes: a recipe names only what is no default, and says which generation it means."""

type_names = {int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class Control:
    """One control: a row of the table."""

    name: str
    kind: type[int] | type[float] | type[str]
    default: int | float | str
    help: str
    """One sentence, without a full stop."""
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    """The allowed range, both ends included."""
    choices: tuple[str, ...] = ()
    live: bool = True
    """Whether it can change while a dream runs."""
    prepared: bool = False
    """Whether a change needs a network or sizes of its own: it is prepared while the dream goes on as it was."""
    keys: tuple[str, ...] = ()
    """The keys of a window that turn it: for less and for more, or one for the next choice."""
    press: float = 0
    """How far one press of a key turns a number; it stops at the multiples of that."""

    @property
    def allowed(self) -> str:
        """The allowed values in words: `1 to 20`, `none, gaussian or laplacian`, `text`."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.kind is str:
            return "text"
        return f"{type_names[self.kind]} from {self.low:.9g} to {self.high:.9g}"

    @property
    def documentation(self) -> str:
        """How a docstring describes the argument: `steps (int, 1 to 20, default 1): gradient steps at each frame`."""
        allowed = [" or ".join(map(repr, self.choices)) or self.kind.__name__]
        if self.kind is not str:
            allowed.append(f"{self.low:.9g} to {self.high:.9g} {self.unit}".rstrip())
        return f"{self.name} ({', '.join(allowed)}, default {self.default!r}): {self.help}"

    def turned(self, value: float, presses: int) -> float:
        """Return the number, in range, to which so many presses of the key for more (or less, < 0) turn `value`."""
        # From 0.985, at 0.01 a press, up is 0.99 and down 0.98. What is at a multiple but for rounding is at it.
        place = value / self.press
        start = math.floor(place + 1e-6) if presses > 0 else math.ceil(place - 1e-6)
        turned = min(max(round((start + presses) * self.press, 9), self.low), self.high)
        return round(turned) if self.kind is int else turned

    def parse(self, text: str) -> int | float | str:
        """Return the value that `text` means, as it is typed on a command line; the range is checked later.

        Text that is no number stays text, so that the check of the settings can name it with all other faults.
        """
        try:
            return self.kind(text)
        except ValueError:
            return text

    def fault(self, value: object) -> str | None:
        """Return what is wrong with `value` in one clause, or None."""
        right_type = isinstance(value, self.kind) or (self.kind is float and isinstance(value, int))
        if right_type and not isinstance(value, bool):
            if self.choices:
                right_type = value in self.choices
            elif isinstance(value, int | float):
                right_type = self.low <= value <= self.high  # false for nan
            else:
                right_type = value != ""
            if right_type:
                return None
        return f"{self.name} must be {self.allowed}, got {quoted_value(value)}"


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
        "network that dreams; `livedream models` lists them; auto takes the one in the package that has the layers",
        prepared=True,
    )
    weights: str = _control(
        "official",
        "file of weights for the model, a state dict or safetensors; official takes those it is published with",
        prepared=True,
    )
    layers: str = _control(
        "auto",
        "what to dream of: layers, channels and sums of them, as `fire6 + 0.5*fire9:77`; `fire4 | fire9` from small "
        "octaves to large; class:goldfinch, guide:photo.jpg@fire6, mask:face.png, tv and more, see docs/layers.md; "
        "auto takes the network's best",
        prepared=True,
        keys=("k", "l"),
    )
    steps: int = _control(1, "gradient steps at each frame of a video", low=1, high=20, keys=("1", "2"), press=1)
    still_steps: int = _control(15, "gradient steps at each octave of a still picture", low=1, high=500)
    step_size: float = _control(
        2.5,
        "how far one step moves a pixel on average",
        unit="levels of 255",
        low=0.01,
        high=50,
        keys=("3", "4"),
        press=0.25,
    )
    octaves: int = _control(
        4, "sizes at which to dream a video, each smaller than the one before", low=1, high=10, prepared=True
    )
    octave_scale: float = _control(
        1.4, "quotient of the sizes of two neighbouring octaves", low=1.05, high=4, prepared=True
    )
    jitter: int = _control(32, "how far the picture is shifted at random before a step", unit="pixels", low=0, high=512)
    working_height: int = _control(
        256,
        "height at which a video is dreamt; the cost depends on it",
        unit="pixels",
        low=32,
        high=4320,
        prepared=True,
        keys=("5", "6"),
        press=32,
    )
    smallest_octave: int = _control(
        100,
        "shortest side of the smallest size at which a still picture is dreamt; the smaller, the larger the forms",
        unit="pixels",
        low=32,
        high=8640,
    )
    still_height: int = _control(720, "height at which a still picture is dreamt", unit="pixels", low=32, high=8640)
    tile_size: int = _control(
        1280,
        "largest side of a still picture that the network sees at once; a larger one is dreamt in tiles, which takes "
        "less memory and shows no seams",
        unit="pixels",
        low=256,
        high=8640,
    )
    keep: float = _control(
        0.99,
        "share of the dream that lives on in the next frame; 0 dreams each frame afresh",
        low=0,
        high=0.999,
        keys=("7", "8"),
        press=0.01,
    )
    flow_scale: float = _control(
        1.0,
        "size of the map on which the motion is followed, as a share of the working size; 1 is steadier and slower",
        low=0.1,
        high=1,
    )
    temporal_smoothing: float = _control(
        0.85,
        "share of a change that comes in over the next frames; 0 shows it at once, which flickers more",
        low=0,
        high=0.95,
    )
    still_scene: Literal["dream", "deeper", "rest"] = _control(
        "dream",
        "what happens once nothing has moved for 30 frames: it dreams on (dream), in twice as many steps if there is "
        "time for them (deeper), or, once it has grown, the dream stands and the processor rests (rest)",
    )
    zoom: float = _control(
        1.0,
        "by how much the dream grows from one frame of a video to the next; 1 leaves its size",
        low=0.8,
        high=1.25,
        keys=("u", "i"),
        press=0.002,
    )
    rotate: float = _control(
        0.0,
        "how far the dream turns from one frame of a video to the next, clockwise",
        unit="degrees",
        low=-30,
        high=30,
        keys=("w", "e"),
        press=0.1,
    )
    strength: float = _control(
        1.0, "how much of the dream is shown; 0 shows the source", low=0, high=4, keys=("9", "0"), press=0.1
    )
    natural_color: float = _control(
        0.35,
        "how far the dream keeps to the colours of photographs; 0 is neon, 1 muted, 2 changes brightness only",
        low=0,
        high=2,
        keys=(",", "."),
        press=0.05,
    )
    coarseness: float = _control(
        0.7,
        "weight of broad forms against fine grain: each octave of detail counts 2 to that power as much as the next "
        "finer one",
        low=-1,
        high=2,
        keys=("[", "]"),
        press=0.1,
    )
    pooling: Literal["max", "average"] = _control(
        "max",
        "how the network pools: its own way (max), or in broad strokes (average)",
        prepared=True,
        keys=("o",),
    )
    seed: int = _control(0, "start of the random numbers; the same seed dreams the same", low=0, high=999_999_999)
    device: Literal["auto", "cpu", "cuda", "mps"] = _control("auto", "processor that runs the network", live=False)
    precision: Literal["auto", "float16", "bfloat16", "float32"] = _control(
        "auto", "numbers inside the network", live=False
    )

    def __post_init__(self) -> None:
        faults = [fault for control in CONTROLS if (fault := control.fault(getattr(self, control.name)))]
        if faults:
            raise ArgumentError(
                "; ".join(faults),
                either("livedream run --help lists every control", "help(DreamSettings) lists every control"),
            )

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
