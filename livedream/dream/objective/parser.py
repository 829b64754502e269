"""Parses objectives from text.

    schedule   sum { "|" sum }                          from the smallest octave to the full size
    sum        ["-"] term { ("+" | "-" | "+" "-") term }
    term       [number "*"] value  |  mask
    mask       "mask:" ("person" | "background" | "motion" | "still" | file) ["(" [feather] ["," strength] ")"]
    value      unit  |  "mean(" unit ")"  |  "neuron(" layer ":" channel ["," x "," y] ")"
               |  "direction(" layer "," (file | channel [":" weight] {"," ...}) ")"
               |  "class:" name  |  "guide:" file "@" layer  |  "tv"
    unit       layer [":" channel]

A layer name may contain letters, digits, `_`, `.`, `/` and `-`, so a minus sign needs a space before it. Files and
names with spaces or operators are written in double quotes, and so is a file that has the name of a live mask. A layer
that stands alone may be replaced by the name of channels, such as `dogs` or `snow-leopard`.
"""

import math
import re
from difflib import get_close_matches

from livedream.dream.objective.formatting import PLAIN
from livedream.dream.objective.mask import Mask, is_live
from livedream.dream.objective.objective import Objective, WeightedTerm
from livedream.dream.objective.terms import Class, Direction, Guide, Layer, Mean, Neuron, Term, TotalVariation
from livedream.errors import ArgumentError, unknown
from livedream.printable import quoted_value

LONGEST = 100_000
"""Most characters of an objective. A direction with a weight for each of 4,096 channels has 60,000."""
MOST_TERMS = 1000
"""Most terms of an objective, in all octaves together."""
HINT = (
    "write a layer (fire6), a channel (fire9:77), a sum (fire6 + 0.5*fire9:77), a schedule from small to large octaves "
    "(fire4 | fire9), class:goldfinch, guide:photo.jpg@fire6, mask:person or mask:face.png"
)
_FUNCTIONS = ("mean", "neuron", "direction")
_PREFIXES = ("class", "guide", "mask")
_TV = "tv"

_number = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_name = re.compile(r"[A-Za-z_][\w./-]*")
_index = re.compile(r"[0-9]+")
_DIGITS = 9
"""Most digits of a channel number; int() refuses more than 4300."""
_class = re.compile(r"[\w'-]+(?:[ ]+[A-Za-z'][\w'-]*)*")
_quoted = re.compile(r'"(?:[^"]|"")*"')


def parse(text: str, auto: str = "auto", network: str = "") -> Objective:
    """Parse an objective.

    Args:
        text: for example "fire6 + 0.5*fire9:77"; see the module for the grammar.
        auto: the layer that the word `auto` stands for.
        network: the network whose channel names are resolved, see `Objective.named`. Without one they stay as they are.

    Raises:
        ArgumentError: the text does not follow the grammar, or exceeds `LONGEST` or `MOST_TERMS`.
    """
    if len(text) > LONGEST:
        raise ArgumentError(f"the layers are {len(text)} characters long, more than {LONGEST}", "remove some terms")
    objective = _Parser(text, auto).schedule()
    return objective.named(network) if network else objective


class _Parser:
    """A recursive-descent parser: reads the text from left to right."""

    def __init__(self, text: str, auto: str) -> None:
        self._text = text
        self._position = 0
        self._auto = auto
        self._count = 0

    def schedule(self) -> Objective:
        parts = [self._sum()]
        while self._sign("|"):
            parts.append(self._sum())
        if self._position < len(self._text):
            raise self._error("+, - or |")
        *before, last = parts
        return Objective(last.terms, last.masks, tuple(before))

    def _sum(self) -> Objective:
        terms: list[WeightedTerm] = []
        masks: list[Mask] = []
        sign = -1 if self._sign("-") else 1
        while True:
            self._count += 1
            if self._count > MOST_TERMS:
                raise ArgumentError(f"the layers have more than {MOST_TERMS} terms", "remove some terms")
            if sign > 0 and self._prefix("mask"):
                masks.append(self._mask())
            else:
                terms.append(self._term(sign))
            if self._sign("+"):
                sign = -1 if self._sign("-") else 1
            elif self._sign("-"):
                sign = -1
            else:
                break
        if not any(weighted.term.layers for weighted in terms):
            raise ArgumentError(
                f"invalid layers {quoted_value(self._text)}: no layer is named", "add one, as in fire6 + mask:face.png"
            )
        return Objective(tuple(terms), tuple(masks))

    def _mask(self) -> Mask:
        in_quotes = self._look(_quoted) is not None
        name = self._file()
        live = not in_quotes and is_live(name)
        feather = strength = None
        if self._sign("("):
            only_strength = self._sign(",")
            feather = None if only_strength else self._float()
            strength = self._float() if only_strength or self._sign(",") else None
            self._require(")", ")")
        return Mask(name, live, feather, strength)

    def _term(self, sign: int) -> WeightedTerm:
        weight = self._take(_number)
        if weight is not None and not self._sign("*"):
            raise self._error("*")
        return WeightedTerm(self._value(), sign * float(weight or 1))

    def _value(self) -> Term:
        if self._prefix("mask"):
            raise ArgumentError(
                f"invalid layers {quoted_value(self._text)}: a mask can only be added", "write fire6 + mask:face.png"
            )
        if self._prefix("class"):
            name = self._take(_quoted) or self._take(_class)
            if name is None:
                raise self._error("the name or number of a class")
            return Class(_unquoted(name))
        if self._prefix("guide"):
            file = self._file()
            if not self._sign("@"):
                raise self._error("@ and a layer")
            return Guide(file, self._layer())
        name = self._layer()
        if name == _TV:
            return TotalVariation()
        if self._sign("("):
            return self._function(name)
        if not self._sign(":"):
            return Layer(name)
        if self._look(_index) is None and get_close_matches(name, _PREFIXES):
            raise unknown("word", f"{name}:", [f"{word}:" for word in _PREFIXES])
        return Layer(name, self._channel())

    def _function(self, name: str) -> Term:
        term: Term
        if name == "mean":
            layer = self._layer()
            term = Mean(layer, self._channel() if self._sign(":") else None)
        elif name == "neuron":
            layer = self._layer()
            self._require(":", "a colon and a channel")
            index, place = self._channel(), []
            while self._sign(","):
                place.append(self._float())
            if len(place) not in (0, 2):
                raise self._error("both x and y")
            term = Neuron(layer, index, *place)
        elif name == "direction":
            layer = self._layer()
            self._require(",", "a comma, then channels or a .npy file")
            term = self._direction(layer)
        else:
            raise unknown("function", name, _FUNCTIONS)
        self._require(")", ")")
        return term

    def _direction(self, layer: str) -> Term:
        file = self._look(_quoted) or self._look(PLAIN) or ""
        if not re.fullmatch(rf"\d+(:({_number.pattern}))?", file):
            return Direction(layer, file=self._file())
        entries = []
        while True:
            index = self._channel()
            entries.append((index, self._float() if self._sign(":") else 1.0))
            if not self._sign(","):
                return Direction(layer, tuple(entries))

    # Tokens

    def _layer(self) -> str:
        name = self._take(_name)
        if name is None and (quoted := self._take(_quoted)):
            name = _unquoted(quoted).strip().replace(" ", "-")  # so that it needs no quotes when written back
        if not name or not _name.fullmatch(name):
            raise self._error("a layer")
        return self._auto if name == "auto" else name

    def _channel(self) -> int:
        index = self._take(_index)
        if index is None:
            raise self._error("a channel number")
        if len(index) > _DIGITS:
            raise ArgumentError(
                f"invalid channel {quoted_value(index)}: the number is too large", "for example fire9:77"
            )
        return int(index)

    def _float(self) -> float:
        number = self._take(_number)
        if number is None:
            raise self._error("a number")
        if not math.isfinite(float(number)):
            raise ArgumentError(f"invalid number {quoted_value(number)}: expected a finite number", "for example 0.5")
        return float(number)

    def _file(self) -> str:
        name = self._take(_quoted) or self._take(PLAIN)
        if not name or name == '""':
            raise self._error("a file name")
        return _unquoted(name)

    def _prefix(self, word: str) -> bool:
        return self._take(re.compile(rf"{word}\s*:")) is not None

    def _sign(self, sign: str) -> bool:
        return self._take(re.compile(re.escape(sign))) is not None

    def _require(self, sign: str, description: str) -> None:
        if not self._sign(sign):
            raise self._error(description)

    # Characters

    def _skip_spaces(self) -> None:
        while self._position < len(self._text) and self._text[self._position].isspace():
            self._position += 1

    def _look(self, pattern: re.Pattern[str]) -> str | None:
        self._skip_spaces()
        match = pattern.match(self._text, self._position)
        return match.group() if match else None

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        word = self._look(pattern)
        if word is not None:
            self._position += len(word)
            self._skip_spaces()
        return word

    def _error(self, expected: str) -> ArgumentError:
        rest = self._text[self._position :].strip()
        place = f"at {quoted_value(rest)}" if rest else "at the end"
        return ArgumentError(f"invalid layers {quoted_value(self._text)}: expected {expected} {place}", HINT)


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word
