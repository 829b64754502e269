"""Hardware encoders: which of them work here, found out by encoding one frame."""

import dataclasses
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

from livedream.errors import SinkError
from livedream.hints import option
from livedream.sink.video.codecs import Encoder, Encoding, find_encoders
from livedream.sink.video.encoder import is_available, try_encode

log = logging.getLogger(__name__)

SIZE = (256, 256)
"""(width, height) of the frame of a trial where nobody knows the size; some hardware takes nothing smaller."""
TRIAL_TIMEOUT = 30.0
"""Seconds that a trial may take. A driver that takes longer hangs: CUDA's first start takes about two."""
PROGRAM = ("-m", "livedream.sink.video.hardware")
"""What Python runs as the process in which encoders are tried."""

_found: dict[tuple[str, tuple[int, int]], str] = {}
"""What `failure_reasons` has found, by the encoder's name and the size."""


def choose_encoder(suffix: str, encoding: Encoding, size: tuple[int, int] | None = None) -> Encoder:
    """Return the encoder for a file whose name ends with `suffix`: the first that this PyAV has and, where it is a
    hardware encoder, that encodes a frame of `size` (width, height) here.

    Where `encoding` names hardware that does not work, a warning says why, once, and the encoder is a software one.

    Raises ArgumentError as `find_encoders` does, and SinkError when none of the encoders works.
    """
    candidates = find_encoders(suffix, encoding)
    faults: dict[str, str] = {}
    for encoder in candidates:
        if not is_available(encoder):
            faults[encoder.name] = "this PyAV does not have it"
        elif encoder.hardware and (fault := failure_reasons([encoder], size)[encoder.name]):
            faults[encoder.name] = fault
        else:
            _tell(encoding, candidates, faults, encoder)
            return encoder
    text = "; ".join(f"{name} does not work here: {fault}" for name, fault in faults.items())
    if candidates[0].hardware:
        raise SinkError(text, f"{option('codec', candidates[0].codec)} needs no hardware encoder")
    raise SinkError(text, f"take another {option('codec')}, or PyAV from its wheel")


def _tell(encoding: Encoding, candidates: Sequence[Encoder], faults: Mapping[str, str], taken: Encoder) -> None:
    for name, fault in faults.items():
        log.info("%s does not work here: %s", name, fault)
    if taken.hardware or encoding.hardware in ("auto", "off"):
        return
    tried = next((encoder.name for encoder in candidates if encoder.maker == encoding.hardware), None)
    if tried is None:
        _warn_once(f"there is no encoder of {encoding.hardware} for {taken.codec}; {taken.name} is used instead")
    else:
        _warn_once(f"{tried} does not work here: {faults[tried]}; {taken.name} is used instead")


@cache
def _warn_once(text: str) -> None:
    log.warning("%s", text)


def failure_reasons(encoders: Sequence[Encoder], size: tuple[int, int] | None = None) -> dict[str, str]:
    """Return why each of the encoders does not work here, by name; "" for one that does.

    size: (width, height) of the frame, None for any.

    Each is tried once in the life of this process, and in another one: a driver that prints, hangs or crashes does so
    there. That takes a third of a second for all of them together.
    """
    width, height = size or SIZE
    even = (width + width % 2, height + height % 2)
    left = [encoder for encoder in encoders if (encoder.name, even) not in _found]
    while left:
        answers, end = _ask(left, even)
        answers = [*answers, end][: len(left)]
        for encoder, answer in zip(left, answers, strict=False):
            _found[encoder.name, even] = answer
        left = left[len(answers) :]
    return {encoder.name: _found[encoder.name, even] for encoder in encoders}


def _ask(encoders: Sequence[Encoder], size: tuple[int, int]) -> tuple[list[str], str]:
    """Return the answers of another process, and why there are no more of them."""
    if not sys.executable:
        return [], "no Python to try it in"
    path = os.pathsep.join(filter(None, sys.path))
    question = json.dumps({"encoders": [dataclasses.asdict(encoder) for encoder in encoders], "size": size})
    with subprocess.Popen(
        [sys.executable, *PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        end = ""
        try:
            said, _ = process.communicate(question.encode(), timeout=TRIAL_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            end = f"its driver did not answer in {TRIAL_TIMEOUT:g} s"
    return said.decode(errors="replace").splitlines(), end or f"its driver crashed ({_ending(process.returncode)})"


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _answer() -> None:
    """Try the encoders that standard input names, and write a line for each; empty for one that works."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what drivers print is no answer
    question = json.load(sys.stdin)
    for encoder in question["encoders"]:
        fault = try_encode(Encoder(**encoder), tuple(question["size"]))
        answers.write(f"{' '.join(fault.split())}\n")
        answers.flush()


if __name__ == "__main__":
    _answer()
