"""Hardware encoders, where there is none: software encoders of PyAV pose as hardware, so that all but the chip is real.

Those that exist are tried too: on a machine without the chip they fail as they do for a user.
"""

import logging
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.codec import CodecContext

from livedream.cli.main import main
from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.sink.video import codecs, hardware
from livedream.sink.video.codecs import ENCODERS, HARDWARE, MAKERS, Encoder, Encoding, find_encoders
from livedream.sink.video.encoder import is_available, try_encode
from livedream.sink.video.hardware import choose_encoder, failure_reasons
from livedream.stream_info import StreamInfo
from tests.films import read_film

HARDWARE_ENCODERS = [encoder for encoder in ENCODERS if encoder.hardware]
SOFTWARE = next(encoder for encoder in ENCODERS if encoder.name == "libx264")
WORKING = Encoder(name="mpeg4", codec="h264", maker="qsv")
BROKEN = Encoder(name="libx265", codec="h264", maker="nvenc", options={"preset": "nonsense"})
ABSENT = Encoder(name="h264_nothing", codec="h264", maker="amf")
SMALL = Encoder(name="mpeg1video", codec="h264", maker="qsv")
"""4095 pixels each way at most (ISO/IEC 11172-2, horizontal_size)."""


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_results", {})
    hardware._warn_once.cache_clear()


def pose(monkeypatch: pytest.MonkeyPatch, *encoders: Encoder) -> None:
    software = [encoder for encoder in ENCODERS if not encoder.hardware]
    monkeypatch.setattr(codecs, "ENCODERS", (*software, *encoders))


# What is asked for ---------------------------------------------------------------------------------------------------


def test_software_is_the_default_and_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    pose(monkeypatch, WORKING)
    monkeypatch.setattr(hardware, "failure_reasons", lambda *_: pytest.fail("tried"))
    assert choose_encoder(".mp4", Encoding()) == SOFTWARE


def test_auto_takes_the_first_that_works_and_the_film_is_made_by_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pose(monkeypatch, ABSENT, WORKING, BROKEN)  # tried in the order of MAKERS: nvenc, qsv, amf
    path = tmp_path / "film.mp4"
    info = StreamInfo(rate=Fraction(25), size=(64, 48), time_base=Fraction(1, 1000))
    with caplog.at_level(logging.WARNING), open_sink(path, info, encoding=Encoding(hardware="auto")) as sink:
        assert sink.name == f"{path} (mpeg4)"
        for index in range(5):
            sink.write(Frame(np.full((48, 64, 3), 50 * index, np.uint8), Fraction(index, 25), index))
        sink.end()
    assert len(read_film(path)) == 5
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("nvenc", "libx265 does not work here: "),
        ("vaapi", "vaapi has no encoder for h264"),
    ],
)
def test_software_where_it_does_not_work_and_one_line_says_why(
    named: str, text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pose(monkeypatch, BROKEN)
    with caplog.at_level(logging.WARNING):
        assert choose_encoder(".mp4", Encoding(hardware=named)) == SOFTWARE
        assert choose_encoder(".mp4", Encoding(hardware=named)) == SOFTWARE
    (line,) = caplog.messages
    assert line.startswith(text)
    assert line.endswith("; libx264 is used instead")


def test_auto_without_hardware_is_software_without_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pose(monkeypatch, BROKEN, ABSENT)
    with caplog.at_level(logging.WARNING):
        assert choose_encoder(".mp4", Encoding(hardware="auto")) == SOFTWARE
        assert choose_encoder(".webm", Encoding(codec="vp9", hardware="auto")).name == "libvpx-vp9"
    assert caplog.text == ""


def test_an_encoder_that_is_named_alone_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pose(monkeypatch, BROKEN, WORKING)
    assert choose_encoder(".mp4", Encoding(codec="h264")) == SOFTWARE
    monkeypatch.setattr(codecs, "ENCODERS", (SOFTWARE, *HARDWARE_ENCODERS))
    with pytest.raises(SinkError, match="h264_vaapi does not work here") as caught:
        choose_encoder(".mp4", Encoding(codec="h264_vaapi"), size=(16, 8192))  # no chip has such a size
    assert caught.value.hint.command_line == "--codec h264 needs no hardware encoder"


def test_one_encoder_leaves_no_choice() -> None:
    with pytest.raises(ArgumentError, match="h264_nvenc names one encoder, so hardware auto has no effect"):
        Encoding(codec="h264_nvenc", hardware="auto")
    with pytest.raises(ArgumentError, match="unknown hardware: nvidia") as caught:
        Encoding(hardware="nvidia")
    assert ", ".join(HARDWARE) in caught.value.hint


def test_each_codec_has_its_hardware_encoders_first() -> None:
    found = [encoder.name for encoder in find_encoders(".mkv", Encoding(codec="h265", hardware="auto"))]
    assert found == ["hevc_nvenc", "hevc_qsv", "hevc_amf", "hevc_videotoolbox", "hevc_vaapi", "libx265"]
    one = find_encoders(".mp4", Encoding(codec="av1", hardware="nvenc"))
    assert [encoder.name for encoder in one] == ["av1_nvenc", "libsvtav1", "libaom-av1"]
    assert {encoder.maker for encoder in HARDWARE_ENCODERS} == set(MAKERS)


# The trial -----------------------------------------------------------------------------------------------------------


def test_the_test_frame_has_the_size_of_the_video(monkeypatch: pytest.MonkeyPatch) -> None:
    pose(monkeypatch, SMALL)
    assert choose_encoder(".mp4", Encoding(hardware="auto"), size=(4094, 16)) == SMALL
    assert choose_encoder(".mp4", Encoding(hardware="auto"), size=(4100, 16)) == SOFTWARE


def test_each_encoder_is_tested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure_reasons([WORKING]) == {"mpeg4": ""}
    monkeypatch.setattr(hardware, "PROGRAM", ("-c", "raise SystemExit(9)"))
    assert failure_reasons([WORKING]) == {"mpeg4": ""}
    assert failure_reasons([WORKING], size=(64, 64)) == {"mpeg4": "its driver crashed (exit code 9)"}


def test_a_driver_that_crashes_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that answers for one encoder and dies at the next: the third is asked by another process."""
    program = "import os; print(flush=True); os.abort()"
    monkeypatch.setattr(hardware, "PROGRAM", ("-c", program))
    ended = "signal 6" if sys.platform != "win32" else "exit code 3"
    assert failure_reasons([WORKING, BROKEN, SMALL]) == {
        "mpeg4": "",
        "libx265": f"its driver crashed ({ended})",
        "mpeg1video": "",
    }


def test_a_driver_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "TRIAL_TIMEOUT", 0.2)
    monkeypatch.setattr(hardware, "PROGRAM", ("-c", "import time; time.sleep(600)"))
    assert failure_reasons([WORKING]) == {"mpeg4": "its driver did not answer in 0.2 s"}


def test_the_output_of_a_driver_is_discarded(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    loud = "import os; from livedream.sink.video import hardware as h; asked = h.try_encode\n"
    loud += "h.try_encode = lambda *a: (os.write(1, b'libva info\\n'), os.write(2, b'[x264] hello\\n'), asked(*a))[2]\n"
    monkeypatch.setattr(hardware, "PROGRAM", ("-c", f"{loud}h._answer()"))
    assert failure_reasons([WORKING, SMALL]) == {"mpeg4": "", "mpeg1video": ""}
    assert capfd.readouterr() == ("", "")


def test_real_hardware_works_or_says_why_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    faults = failure_reasons(HARDWARE_ENCODERS)
    assert list(faults) == [encoder.name for encoder in HARDWARE_ENCODERS]
    for encoder in HARDWARE_ENCODERS:
        assert "\n" not in faults[encoder.name]
        assert "avcodec_open2" not in faults[encoder.name], "PyAV's words, not FFmpeg's reason"
        if not is_available(encoder):
            assert faults[encoder.name] == "this build of PyAV lacks it"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("encoder", [*filter(is_available, HARDWARE_ENCODERS)], ids=lambda encoder: encoder.name)
def test_ffmpeg_accepts_each_option_in_its_range(encoder: Encoder) -> None:
    known = CodecContext.create(encoder.name, "w").supported_options
    options = {option.name: option for option in (*known.generic, *known.private)}
    for quality in (0, 75, 100):
        for live in (False, True):
            for name, value in encoder.settings(quality, Fraction(25), live).items():
                option = options[name]
                if value not in [choice.name for choice in option.choices]:
                    assert option.min <= float(value) <= option.max, f"{name} {value}"


def test_the_same_message_is_reported_for_each_encoder() -> None:
    assert try_encode(BROKEN) == try_encode(BROKEN) != ""


# What a user types ---------------------------------------------------------------------------------------------------

QUICK = ("--working-height", "32", "--layers", "fire4", "--precision", "float32")


def test_first_line_names_it_and_another_encoder_does_not_resume_it(
    make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, output = make_clip("film.mp4", rate=25, frames=30), tmp_path / "out.mp4"
    pose(monkeypatch, WORKING)
    command = ["run", str(film), "-o", str(output), *QUICK, "--hardware", "auto"]

    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as cut:
        cut.setattr(hardware, "_results", {})
        cut.setattr("livedream.sink.video.video_sink.VideoSink.end", stop)
        assert main(command) == 1
    assert f"{output} (mpeg4)" in capsys.readouterr().out
    assert (tmp_path / "out.part.mp4").exists()

    pose(monkeypatch)
    assert main([*command, "--resume"]) == 2
    assert "the encoder was mpeg4, is libx264" in capsys.readouterr().err
