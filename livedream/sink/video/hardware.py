"""Finds out which hardware encoders work on this machine by encoding one frame with each."""

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
"""(width, height) of the test frame if the size is unknown; some hardware rejects smaller frames."""
TRIAL_TIMEOUT = 30.0
"""Seconds that a test may take. A driver that takes longer hangs: the first start of CUDA takes about two."""
PROGRAM = ("-m", "livedream.sink.video.hardware")
"""The arguments of the Python process in which encoders are tested."""

_results: dict[tuple[str, tuple[int, int]], str] = {}
"""The results of `failure_reasons`, by the name of the encoder and the size."""


def choose_encoder(suffix: str, encoding: Encoding, size: tuple[int, int] | None = None) -> Encoder:
    """Return the encoder for a type of file: the first that this PyAV has and, for hardware, that works here.

    If `encoding` names hardware that does not work, a warning says why, once, and a software encoder is returned.

    Args:
        suffix: The suffix of the file.
        encoding: The codec and the hardware that are asked for.
        size: (width, height) of the frames; None where it is unknown.

    Raises:
        ArgumentError: As for `find_encoders`.
        SinkError: None of the encoders works.
    """
    candidates = find_encoders(suffix, encoding)
    faults: dict[str, str] = {}
    for encoder in candidates:
        if not is_available(encoder):
            faults[encoder.name] = "this build of PyAV lacks it"
        elif encoder.hardware and (fault := failure_reasons([encoder], size)[encoder.name]):
            faults[encoder.name] = fault
        else:
            _report(encoding, candidates, faults, encoder)
            return encoder
    text = "; ".join(f"{name} does not work here: {fault}" for name, fault in faults.items())
    if candidates[0].hardware:
        raise SinkError(text, f"{option('codec', candidates[0].codec)} needs no hardware encoder")
    raise SinkError(text, f"choose another {option('codec')}, or install PyAV from its wheel")


def _report(encoding: Encoding, candidates: Sequence[Encoder], faults: Mapping[str, str], chosen: Encoder) -> None:
    for name, fault in faults.items():
        log.info("%s does not work here: %s", name, fault)
    if chosen.hardware or encoding.hardware in ("auto", "off"):
        return
    tried = next((encoder.name for encoder in candidates if encoder.maker == encoding.hardware), None)
    if tried is None:
        _warn_once(f"{encoding.hardware} has no encoder for {chosen.codec}; {chosen.name} is used instead")
    else:
        _warn_once(f"{tried} does not work here: {faults[tried]}; {chosen.name} is used instead")


@cache
def _warn_once(text: str) -> None:
    log.warning("%s", text)


def failure_reasons(encoders: Sequence[Encoder], size: tuple[int, int] | None = None) -> dict[str, str]:
    """Return why each of the encoders does not work here, by name; "" for one that works.

    Each is tested once, in another process: a driver that prints, hangs or crashes does so there. All tests together
    take a third of a second.

    Args:
        encoders: The encoders to test.
        size: (width, height) of the test frame; None for any.
    """
    width, height = size or SIZE
    even = (width + width % 2, height + height % 2)
    remaining = [encoder for encoder in encoders if (encoder.name, even) not in _results]
    while remaining:
        answers, end = _ask(remaining, even)
        answers = [*answers, end][: len(remaining)]
        for encoder, answer in zip(remaining, answers, strict=False):
            _results[encoder.name, even] = answer
        remaining = remaining[len(answers) :]
    return {encoder.name: _results[encoder.name, even] for encoder in encoders}


def _ask(encoders: Sequence[Encoder], size: tuple[int, int]) -> tuple[list[str], str]:
    """Return the results from another process, and why there are not more of them."""
    if not sys.executable:
        return [], "there is no Python interpreter to test it with"
    path = os.pathsep.join(filter(None, sys.path))
    request = json.dumps({"encoders": [dataclasses.asdict(encoder) for encoder in encoders], "size": size})
    with subprocess.Popen(
        [sys.executable, *PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        end = ""
        try:
            output, _ = process.communicate(request.encode(), timeout=TRIAL_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            end = f"its driver did not answer in {TRIAL_TIMEOUT:g} s"
    return output.decode(errors="replace").splitlines(), end or f"its driver crashed ({_ending(process.returncode)})"


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _answer() -> None:
    """Test the encoders that standard input names, and write a line for each, empty for one that works."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keeps what drivers print out of the results
    request = json.load(sys.stdin)
    for encoder in request["encoders"]:
        fault = try_encode(Encoder(**encoder), tuple(request["size"]))
        answers.write(f"{' '.join(fault.split())}\n")
        answers.flush()


if __name__ == "__main__":
    _answer()
