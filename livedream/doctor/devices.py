"""Cameras, screens, windows, virtual cameras and encoders."""

import os
import sys
from collections.abc import Iterator

from livedream.capture.live.devices import Camera, list_cameras
from livedream.capture.live.diagnostics import users
from livedream.doctor.finding import Finding
from livedream.errors import ArgumentError, SinkError
from livedream.sink.open import open_sink
from livedream.sink.video.codecs import CODECS, ENCODERS
from livedream.sink.video.encoder import try_encode
from livedream.sink.video.hardware import failure_reasons


def findings() -> Iterator[Finding]:
    yield from cameras()
    yield screen()
    yield device("window", "display")
    yield device("virtual-camera", "virtual camera")
    for codec in CODECS:
        yield encoders(codec)
    yield hardware()


def cameras() -> Iterator[Finding]:
    """Yield each camera, and whether this user may use it. None is opened: another program may be using it."""
    found = list_cameras()
    if not found:
        text = "no camera is present, or none is visible to this user"
        yield Finding("camera", False, text, "connect one; in a container, pass it on with --device /dev/video0")
    for camera in found:
        yield _camera(camera)


def _camera(camera: Camera) -> Finding:
    text = f"{camera.index} ({camera.name}) {camera.path}".rstrip()
    if not camera.path.startswith("/dev/"):
        return Finding("camera", True, text)
    if not os.access(camera.path, os.R_OK | os.W_OK):
        return Finding(
            "camera", False, f"no permission to use {text}", 'sudo usermod -aG video "$USER", then log in again'
        )
    if programs := users(camera.path):
        return Finding("camera", False, f"{text} is in use by {', '.join(programs)}", "close that program")
    return Finding("camera", True, text)


def screen() -> Finding:
    """Return whether the screen can be a source."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return Finding("screen", False, "no display: DISPLAY is not set", "run it in a desktop session")
    return Finding("screen", True, "works as a source: livedream run screen")


def device(spec: str, name: str) -> Finding:
    """Return whether a sink that depends on the machine opens."""
    try:
        with open_sink(spec) as sink:
            return Finding(name, True, f"{sink.name} opens")
    except (SinkError, ArgumentError) as error:
        # "cannot open a window: there is no display", "no virtual camera: No device found. See also ..."
        reason = str(error).partition(": ")[2] or str(error)
        return Finding(name, False, reason[:1].lower() + reason[1:].partition(". ")[0], error.hint.command_line)


def encoders(codec: str) -> Finding:
    """Return whether videos can be encoded with a codec in software."""
    faults = {
        encoder.name: try_encode(encoder) for encoder in ENCODERS if encoder.codec == codec and not encoder.hardware
    }
    working = [name for name, fault in faults.items() if not fault]
    if working:
        return Finding(codec, True, ", ".join(working))
    text = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
    return Finding(codec, False, text, "install PyAV from its wheel: pip install --force-reinstall av")


def hardware() -> Finding:
    """Return which hardware encoders work."""
    faults = failure_reasons([encoder for encoder in ENCODERS if encoder.hardware])
    working = [name for name, fault in faults.items() if not fault]
    if working:
        return Finding("hardware encoders", True, f"{', '.join(working)}; use them with --hardware auto")
    reasons = dict.fromkeys(f"{name.partition('_')[2]}: {fault}" for name, fault in faults.items())
    return Finding(
        "hardware encoders", False, "; ".join(reasons), "they are optional: the codecs above are encoded in software"
    )
