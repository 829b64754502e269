"""What a killed process leaves of a video: everything but the last two seconds, whatever its tracks."""

import dataclasses
import logging
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.open import open_source
from livedream.frame import Frame
from livedream.sink.names import part_of
from livedream.sink.open import open_sink
from livedream.sink.video.codecs import Encoding
from livedream.stream_info import StreamInfo
from tests.films import av

KINDS = [
    (".mp4", "h264"),
    (".mp4", "h265"),
    (".mp4", "av1"),
    (".mp4", "vp9"),
    (".mov", "prores"),
    (".mkv", "h265"),
    (".mkv", "ffv1"),
    (".webm", "vp9"),
    (".webm", "av1"),
]
BEGINS = {"empty": None, "late": Fraction(40), "prompt": Fraction(0)}
"""When the sound begins, in seconds."""


def write_source(path: Path, begins: Fraction | None, codec: str = "aac", layout: str = "stereo") -> Path:
    """Write a film of three pictures, with half a second of sound from `begins` on, or an empty track of sound."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=25, options={"tune": "zerolatency"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = film.add_stream(codec, rate=48000)
        assert isinstance(sound, av.AudioStream)
        sound.codec_context.layout = layout
        sound.codec_context.open(strict=False)
        for tick in range(3):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = tick, Fraction(1, 25)
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        if begins is not None:
            with av.open("sine=sample_rate=48000:duration=0.5", format="lavfi") as tone:
                resampler = av.AudioResampler(sound.codec_context.format, layout, 48000, sound.codec_context.frame_size)
                for samples in tone.decode(audio=0):
                    for part in resampler.resample(samples):
                        part.pts = (part.pts or 0) + int(begins * 48000)
                        film.mux(sound.encode(part))
            film.mux(sound.encode(None))
    return path


def frames(count: int, rate: Fraction | int = 25) -> list[Frame]:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    return [Frame(np.roll(noise, 2 * index, 1), index / Fraction(rate), index) for index in range(count)]


def packets(path: Path, kind: str = "video") -> int:
    """How many packets can be read of the first track of a kind; none where the file cannot be opened."""
    try:
        with av.open(str(path)) as film:
            return sum(packet.size > 0 for packet in film.demux(**{kind: 0}))
    except (av.error.InvalidDataError, av.error.EOFError):
        return 0


def most_missing(source: Path, path: Path, codec: str = "auto", rate: Fraction | int = 25, count: int = 160) -> int:
    """Write frames, and return how many were missing in the part at the worst moment; every third is looked at."""
    with open_source(source) as opened:
        info = dataclasses.replace(
            StreamInfo.of(opened), rate=Fraction(rate), time_base=Fraction(1, 90000), length=count
        )
    worst = 0
    with open_sink(path, info, encoding=Encoding(codec=codec)) as sink:
        for number, frame in enumerate(frames(count, rate), 1):
            sink.write(frame)
            if number % 3 == 0:
                worst = max(worst, number - packets(part_of(path)))
        sink.end()
    assert packets(path) == count
    return worst


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [*((suffix, codec, sound) for suffix, codec in KINDS for sound in ("late", "empty")), (".mp4", "h264", "prompt")],
)
def test_no_sound_holds_the_pictures_back(suffix: str, codec: str, sound: str, tmp_path: Path) -> None:
    source = write_source(tmp_path / ("source.mkv" if sound == "empty" else "source.mp4"), BEGINS[sound])
    # Two seconds are 50 frames. A run keeps up to 8 more in its queues, where the encoder is what takes long.
    assert most_missing(source, tmp_path / f"film{suffix}", codec) <= 42


@pytest.mark.parametrize("rate", [Fraction(5), Fraction(24000, 1001)])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".mp4", "h265"), (".mp4", "av1"), (".webm", "vp9")])
def test_two_seconds_are_two_seconds_at_any_rate(suffix: str, codec: str, rate: Fraction, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source.mkv", None)
    assert most_missing(source, tmp_path / f"film{suffix}", codec, rate, int(6 * rate)) / rate <= Fraction(9, 5)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(("codec", "layout"), [("aac", "stereo"), ("libopus", "stereo"), ("flac", "stereo")])
def test_late_sound_keeps_its_packets_and_times(suffix: str, codec: str, layout: str, tmp_path: Path) -> None:
    """The first packet is written before the pictures; it is heard when it was heard in the source."""
    source = write_source(tmp_path / "source.mp4", Fraction(5), codec, layout)
    film = tmp_path / f"film{suffix}"
    with open_source(source) as opened, open_sink(film, StreamInfo.of(opened)) as sink:
        for frame in frames(150):
            sink.write(frame)
        sink.end()

    def heard(path: Path) -> list[tuple[float, np.ndarray]]:
        with av.open(str(path)) as opened:
            picture = next(opened.decode(video=0)).time
            return [(frame.time - picture, frame.to_ndarray()) for frame in opened.decode(audio=0)]

    before, after = heard(source), heard(film)
    if codec == "aac" or suffix == ".mp4":  # copied
        assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.001)
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(after, before, strict=True))
    loud = [next(time for time, samples in sound if np.abs(samples).max() > 0.05) for sound in (before, after)]
    assert loud[1] == pytest.approx(loud[0], abs=0.025)  # an encoder has frames of its own


def test_empty_sound_is_left_out_of_an_mp4_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_source(tmp_path / "source.mkv", None)
    with caplog.at_level(logging.WARNING):
        most_missing(source, tmp_path / "film.mp4", count=3)
    assert "sound track 1 is left out because it is empty" in caplog.text


def test_sound_of_which_nothing_can_be_decoded_holds_nothing_back(tmp_path: Path) -> None:
    """FLAC goes into no mov, so it is decoded; here each packet is damaged."""
    whole = write_source(tmp_path / "whole.mkv", Fraction(0), "flac")
    damaged = tmp_path / "damaged.mkv"
    with av.open(str(whole)) as source, av.open(str(damaged), "w") as film:
        targets = {stream.index: film.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                broken = av.Packet(b"\xff" * packet.size)
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                broken.stream = targets[packet.stream.index]
                film.mux(broken)
            else:
                packet.stream = targets[packet.stream.index]
                film.mux(packet)
    assert most_missing(damaged, tmp_path / "film.mov", "prores") <= 42


@pytest.mark.needs_ffmpeg
def test_subtitles_that_come_late_hold_nothing_back(tmp_path: Path) -> None:
    (tmp_path / "cues.srt").write_text("1\n00:01:40,000 --> 00:01:41,000\nLate\n")
    words = "-v error -f lavfi -i color=s=64x48:r=25:d=0.2 -i cues.srt -c:s srt source.mkv"
    subprocess.run(["ffmpeg", *words.split()], cwd=tmp_path, check=True)
    assert most_missing(tmp_path / "source.mkv", tmp_path / "film.mp4") <= 42
    assert most_missing(tmp_path / "source.mkv", tmp_path / "film.mkv") <= 42
