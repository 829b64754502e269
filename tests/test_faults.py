"""What libraries and the system raise becomes one line and a hint."""

import errno
import os

import av
import av.error
import cv2
import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image

from livedream.errors import ArgumentError, SourceError
from livedream.faults import LONGEST, Fault, explain


def raised(action) -> Exception:
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


def too_large_for_torch():
    torch.empty(2**55)


def too_large_for_numpy():
    np.empty(2**55)


def too_large_for_opencv():
    # One row of 2**31 - 1 pixels, repeated by a factor that no memory holds.
    cv2.repeat(np.zeros((1, 2**20), np.float64), 2**15, 2**9)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (too_large_for_torch, "out of memory: 144115188.1 GB were requested"),  # 2**55 float32
        (too_large_for_numpy, "out of memory: 288230376.2 GB were requested"),  # 2**55 float64; numpy says 256. PiB
    ],
)
def test_too_little_memory_is_said_with_the_amount(action, message):
    fault = explain(raised(action))
    assert (fault.message, fault.exit_code) == (message, 1)
    assert "--working-height" in fault.hint


def test_opencv():
    error = raised(lambda: cv2.cvtColor(np.zeros((4, 4), np.uint8), cv2.COLOR_RGB2GRAY))
    assert explain(error).message.startswith("OpenCV: ")
    assert "\n" not in explain(error).message
    memory = cv2.error("OpenCV(5.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 12000000000 bytes")
    assert explain(memory).message == "out of memory: 12.0 GB were requested"


def test_a_library_that_memory_does_not_hold():
    """As under `ulimit -v`."""
    error = ImportError("libtorch_cpu.so: failed to map segment from shared object")
    assert explain(error).message == "out of memory"


def test_ffmpeg(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    fault = explain(raised(lambda: av.open(str(tmp_path / "text.mp4"))))
    assert fault.message.endswith("text.mp4: FFmpeg: Invalid data found when processing input")
    assert fault.hint == "play the file with another program to check"


def test_ffmpeg_does_not_show_an_address():
    error = av.error.InvalidDataError(1094995529, "Invalid data", "rtsp://user:secret@camera/1")
    assert explain(error).message == "FFmpeg: Invalid data"


def test_pillow_and_safetensors(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert explain(raised(lambda: Image.open(tmp_path / "a.png"))).message.startswith("a picture cannot be read: ")
    error = raised(lambda: safetensors.numpy.load(b"\xff" * 16))
    assert explain(error).message.startswith("a weights file is damaged: ")


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some disk space, or choose another folder"),
        (errno.EACCES, "check the permissions, or choose another folder"),
        (errno.ENAMETOOLONG, "give it a shorter name"),
        (errno.EMFILE, "close other programs, or raise the limit: ulimit -n 4096"),
        (errno.EPROTO, "check the file, the disk and the connection"),
    ],
)
def test_the_system(number, hint):
    assert explain(OSError(number, os.strerror(number), "film.mp4")) == Fault(
        f"film.mp4: {os.strerror(number)}", hint, 1
    )


def test_every_other_error_is_our_own():
    for error in (KeyError("x"), TypeError("x"), AssertionError(), RuntimeError("x\ny  z")):
        fault = explain(error)
        assert fault.message == f"internal error: {type(error).__name__}: {' '.join(str(error).split())}".removesuffix(
            ": "
        )
        assert fault.hint == "run it again with -vv for the traceback, and report it"
        assert fault.exit_code == 1


@pytest.mark.parametrize(
    "error", [RecursionError("deep"), OverflowError("int too large"), b"\xff".decode, lambda: int("9" * 5000)]
)
def test_what_input_can_provoke_in_python(error):
    fault = explain(raised(error) if callable(error) and not isinstance(error, Exception) else error)
    assert not fault.message.startswith("internal")


def test_a_long_message_is_cut():
    assert len(explain(ValueError("x" * 10_000)).message) == LONGEST + len(" ...")


def test_our_own_errors_stay_as_they_are():
    assert explain(SourceError("a", "b")) == Fault("a", "b", 1)
    assert explain(ArgumentError("a", "b")) == Fault("a", "b", 2)
