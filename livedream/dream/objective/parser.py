"""Objectives as text.

    schedule   sum { "|" sum }                          from the smallest octave to the full size
    sum        ["-"] term { ("+" | "-" | "+" "-") term }
    term       [number "*"] goal  |  mask
    mask       "mask:" ("person" | "background" | "motion" | "still" | file) ["(" [feather] ["," strength] ")"]
    goal       unit  |  "mean(" unit ")"  |  "neuron(" layer ":" channel ["," x "," y] ")"
               |  "direction(" layer "," (file | channel [":" weight] {"," ...}) ")"
               |  "class:" name  |  "guide:" file "@" layer  |  "tv"
    unit       layer [":" channel]

The name of a layer may hold letters, digits, `_`, `.`, `/` and `-`: a minus sign stands after a space. Files and names
that hold spaces or signs stand in double quotes, and so does a file with the name of a live mask. Where a layer stands
alone, a name of channels may stand in its place, such as `dogs` or `snow-leopard`.
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
"""Characters of an objective: a direction with a weight for each of 4,096 channels has 60,000."""
MOST_TERMS = 1000
"""Terms of an objective, in all octaves together."""
HINT = (
    "write fire6; fire9:77 for one channel; a sum such as fire6 + 0.5*fire9:77; fire4 | fire9 from small octaves to "
    "large; class:goldfinch; guide:photo.jpg@fire6; mask:person; mask:face.png"
)
_FUNCTIONS = ("mean", "neuron", "direction")
_PREFIXES = ("class", "guide", "mask")
_TV = "tv"

_number = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_name = re.compile(r"[A-Za-z_][\w./-]*")
_index = re.compile(r"[0-9]+")
_DIGITS = 9
"""Of the number of a channel; Python refuses to read more than 4300."""
_class = re.compile(r"[\w'-]+(?:[ ]+[A-Za-z'][\w'-]*)*")
_quoted = re.compile(r'"(?:[^"]|"")*"')


def parse(text: str, auto: str = "auto", network: str = "") -> Objective:
    """Return the objective that `text` means. auto: the layer that `auto` means in it.

    network: the network whose channels are named in it; without one, names stay as they are (see `Objective.named`).
    Raises ArgumentError for text of another form, and for more of it than `LONGEST` and `MOST_TERMS` allow.
    """
    if len(text) > LONGEST:
        raise ArgumentError(f"layers are {len(text)} characters long, more than {LONGEST}", "leave some out")
    objective = _Reader(text, auto).schedule()
    return objective.named(network) if network else objective


class _Reader:
    """Reads a text from left to right."""

    def __init__(self, text: str, auto: str) -> None:
        self._text = text
        self._at = 0
        self._auto = auto
        self._count = 0

    def schedule(self) -> Objective:
        parts = [self._sum()]
        while self._sign("|"):
            parts.append(self._sum())
        if self._at < len(self._text):
            raise self._fault("+, - or |")
        *before, last = parts
        return Objective(last.terms, last.masks, tuple(before))

    def _sum(self) -> Objective:
        terms: list[WeightedTerm] = []
        masks: list[Mask] = []
        sign = -1 if self._sign("-") else 1
        while True:
            self._count += 1
            if self._count > MOST_TERMS:
                raise ArgumentError(f"layers have more than {MOST_TERMS} terms", "leave some out")
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
        if not any(term.goal.layers for term in terms):
            raise ArgumentError(f"{quoted_value(self._text)} names no layer", "add one, as in fire6 + mask:face.png")
        return Objective(tuple(terms), tuple(masks))

    def _mask(self) -> Mask:
        in_quotes = self._look(_quoted) is not None
        name = self._file()
        live = not in_quotes and is_live(name)
        feather = strength = None
        if self._sign("("):
            strength_alone = self._sign(",")
            feather = None if strength_alone else self._float()
            strength = self._float() if strength_alone or self._sign(",") else None
            self._need(")", ")")
        return Mask(name, live, feather, strength)

    def _term(self, sign: int) -> WeightedTerm:
        weight = self._take(_number)
        if weight is not None and not self._sign("*"):
            raise self._fault("*")
        return WeightedTerm(self._goal(), sign * float(weight or 1))

    def _goal(self) -> Term:
        if self._prefix("mask"):
            raise ArgumentError(f"a mask is only added, got {quoted_value(self._text)}", "write fire6 + mask:face.png")
        if self._prefix("class"):
            name = self._take(_quoted) or self._take(_class)
            if name is None:
                raise self._fault("the name of a class")
            return Class(_unquoted(name))
        if self._prefix("guide"):
            file = self._file()
            if not self._sign("@"):
                raise self._fault("@ and a layer")
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
        goal: Term
        if name == "mean":
            layer = self._layer()
            goal = Mean(layer, self._channel() if self._sign(":") else None)
        elif name == "neuron":
            layer = self._layer()
            self._need(":", "a colon and a channel")
            index, place = self._channel(), []
            while self._sign(","):
                place.append(self._float())
            if len(place) not in (0, 2):
                raise self._fault("x, y")
            goal = Neuron(layer, index, *place)
        elif name == "direction":
            layer = self._layer()
            self._need(",", "a comma and channels, or a .npy file")
            goal = self._direction(layer)
        else:
            raise unknown("function", name, _FUNCTIONS)
        self._need(")", ")")
        return goal

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

    # Words

    def _layer(self) -> str:
        name = self._take(_name)
        if name is None and (quoted := self._take(_quoted)):
            name = _unquoted(quoted).strip().replace(" ", "-")  # so that it needs no quotes when it is written again
        if not name or not _name.fullmatch(name):
            raise self._fault("a layer")
        return self._auto if name == "auto" else name

    def _channel(self) -> int:
        index = self._take(_index)
        if index is None:
            raise self._fault("the number of a channel")
        if len(index) > _DIGITS:
            raise ArgumentError(f"no layer has a channel {quoted_value(index)}", "such as fire9:77")
        return int(index)

    def _float(self) -> float:
        number = self._take(_number)
        if number is None:
            raise self._fault("a number")
        if not math.isfinite(float(number)):
            raise ArgumentError(f"expected a finite number, got {quoted_value(number)}", "such as 0.5")
        return float(number)

    def _file(self) -> str:
        name = self._take(_quoted) or self._take(PLAIN)
        if not name or name == '""':
            raise self._fault("the name of a file")
        return _unquoted(name)

    def _prefix(self, word: str) -> bool:
        return self._take(re.compile(rf"{word}\s*:")) is not None

    def _sign(self, sign: str) -> bool:
        return self._take(re.compile(re.escape(sign))) is not None

    def _need(self, sign: str, what: str) -> None:
        if not self._sign(sign):
            raise self._fault(what)

    # Characters

    def _skip_spaces(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _look(self, pattern: re.Pattern[str]) -> str | None:
        self._skip_spaces()
        match = pattern.match(self._text, self._at)
        return match.group() if match else None

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        word = self._look(pattern)
        if word is not None:
            self._at += len(word)
            self._skip_spaces()
        return word

    def _fault(self, wanted: str) -> ArgumentError:
        rest = self._text[self._at :].strip()
        place = f"at {quoted_value(rest)}" if rest else "at the end"
        return ArgumentError(
            f"layers must be a sum of layers and channels, got {quoted_value(self._text)}: {wanted} is missing {place}",
            HINT,
        )


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word
