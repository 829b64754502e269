"""Layouts, rates and changes of sound on its way into a film, by what ffprobe and ffmpeg find."""

import logging
import subprocess
from pathlib import Path

import numpy as np
import pytest
from av.audio.layout import AudioLayout

from livedream.sink.video.audio import is_layout_lost, nearest_layout, nearest_rate
from tests.films import av, ffprobe
from tests.sink.video.test_passthrough import copy, make

pytestmark = pytest.mark.needs_ffmpeg
PICTURE = "-f lavfi -i testsrc2=size=64x48:rate=25:d=1 -f lavfi"


@pytest.mark.parametrize(
    ("layout", "aac", "opus"),
    [
        ("mono", "mono", "mono"),
        ("5.0", "5.0", "5.0"),
        ("7.1", "7.1", "7.1"),
        ("5.1(side)", "5.1(side)", "5.1"),  # Opus has its surround channels behind (RFC 7845, 5.1.1.2)
        ("2.1", "2.1", "5.1"),  # the smallest layout of Opus with a place for the bass
        ("4.0", "4.0", "6.1"),
        ("3 channels", "3.0", "3.0"),  # nobody knows where they belong
        ("22.2", "7.1", "7.1"),
    ],
)
def test_the_layout_is_kept_or_the_one_with_most_of_its_channels(layout: str, aac: str, opus: str) -> None:
    assert nearest_layout("aac", AudioLayout(layout), 48000) == aac
    assert nearest_layout("libopus", AudioLayout(layout), 48000) == opus


@pytest.mark.parametrize(
    ("rate", "nearest"), [(192000, 96000), (5512, 7350), (37800, 32000), (44100, 44100), (8000, 8000), (1, 7350)]
)
def test_the_rate_is_the_nearest_that_aac_has(rate: int, nearest: int) -> None:
    """By hand from the table of ISO/IEC 14496-3, 1.6.3.4."""
    assert nearest_rate("aac", rate) == nearest


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_each_channel_of_seven_one_stays_where_it_is(suffix: str, tmp_path: Path) -> None:
    """Sound in the centre and at one side alone: the loudest channels of the result are those two."""
    sound = "aevalsrc=0|0|0.5*sin(440*6.283*t)|0|0|0|0.5*sin(880*6.283*t)|0:c=7.1:d=1"
    make(tmp_path, f"{PICTURE} -i {sound} -c:v libx264 -c:a flac 71.mkv")
    film = copy(tmp_path / "71.mkv", tmp_path / f"film{suffix}")
    (track,) = ffprobe(film, "a", "stream=channels,channel_layout")
    assert (track["channels"], track["channel_layout"]) == (8, "7.1")
    command = ["ffmpeg", "-v", "error", "-i", str(film), "-map", "0:a", "-f", "f32le", "-"]
    samples = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    loudness = np.sqrt((samples.reshape(-1, 8) ** 2).mean(axis=0))
    assert set(np.argsort(loudness)[-2:]) == {2, 6}  # FL FR FC LFE BL BR SL SR
    assert np.sort(loudness)[-3] < 0.01 < 0.2 < np.sort(loudness)[-2]


@pytest.mark.parametrize(
    ("sound", "codecs", "suffix", "rate", "said"),
    [
        ("sine=d=1:r=192000", "-c:v libx264 -c:a flac -f matroska", ".mov", "96000", "192000 Hz resampled to 96000 Hz"),
        ("sine=d=1:r=192000", "-c:v libx264 -c:a flac -f matroska", ".webm", "48000", "encoded as Opus"),
        ("sine=d=1:r=5512", "-c:v mpeg4 -c:a adpcm_ima_wav -f avi", ".mp4", "7350", "5512 Hz resampled to 7350 Hz"),
        ("sine=d=1:r=37800", "-c:v mpeg4 -c:a adpcm_ima_wav -f avi", ".mp4", "32000", "37800 Hz resampled"),
    ],
)
def test_a_rate_that_the_codec_lacks_is_resampled(
    sound: str, codecs: str, suffix: str, rate: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path, f"{PICTURE} -i {sound} {codecs} source")
    with caplog.at_level(logging.WARNING):
        film = copy(tmp_path / "source", tmp_path / f"film{suffix}")
    assert said in caplog.text
    (track,) = ffprobe(film, "a", "stream=sample_rate,duration")
    assert track["sample_rate"] == rate
    with av.open(str(film)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / int(rate) == pytest.approx(
        1.0, abs=0.16
    )  # AAC counts in frames of 1024 samples, 0.14 s at 7350 Hz


CHANGES = {  # of a broadcast that goes from stereo at 48 kHz to mono at 44.1: the codec, and what the film says
    "aac": {".mp4": ("aac", "48000", 2), ".mkv": ("aac", "48000", 2), ".webm": ("opus", "48000", 2)},
    "mp2": {".webm": ("opus", "48000", 2)},
    "ac3": {".webm": ("opus", "48000", 2)},
}


@pytest.mark.parametrize(("codec", "suffix"), [(codec, end) for codec, ends in CHANGES.items() for end in ends])
def test_sound_that_changes_in_mid_stream_goes_on(codec: str, suffix: str, tmp_path: Path) -> None:
    """A tone of 440 Hz for one second, then one of 880: each is heard for its second, at its pitch."""
    v = "-f lavfi -i testsrc2=size=64x48:rate=25:d=1 -f lavfi"
    make(tmp_path, f"{v} -i sine=f=440:d=1 -ac 2 -ar 48000 -c:v libx264 -c:a {codec} 1.ts")
    make(tmp_path, f"{v} -i sine=f=880:d=1 -ac 1 -ar 44100 -c:v libx264 -c:a {codec} -output_ts_offset 1 2.ts")
    (tmp_path / "both.ts").write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    film = copy(tmp_path / "both.ts", tmp_path / f"film{suffix}")
    (track,) = ffprobe(film, "a", "stream=codec_name,sample_rate,channels")
    assert (track["codec_name"], track["sample_rate"], track["channels"]) == CHANGES[codec][suffix]
    command = ["ffmpeg", "-v", "error", "-i", str(film), "-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"]
    samples = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)
    assert len(samples) / 48000 == pytest.approx(2.0, abs=0.15)
    for begin, pitch in ((0.3, 440), (1.3, 880)):
        piece = samples[int(begin * 48000) : int((begin + 0.5) * 48000)]
        assert np.argmax(np.abs(np.fft.rfft(piece))) * 2 == pytest.approx(pitch, abs=4)  # half a second: 2 Hz a bin


@pytest.mark.parametrize(
    ("codec", "layout", "kind", "lost"),
    [
        ("flac", "2.1", "mp4", True),  # ffprobe calls the copy 3.0: its bass sounds from the centre
        ("flac", "2.1", "matroska", False),
        ("flac", "5.1", "mp4", False),
        ("flac", "5.1(side)", "mp4", False),
        ("flac", "3 channels", "mp4", False),
        ("pcm_s16le", "2.1", "matroska", True),
        ("pcm_s16le", "2.1", "mov", False),
        ("aac", "2.1", "mp4", False),
    ],
)
def test_a_copy_that_loses_its_layout_is_known(codec: str, layout: str, kind: str, lost: bool) -> None:
    assert is_layout_lost(codec, AudioLayout(layout), kind) is lost


def test_damaged_sound_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two packets of a Matroska film are overwritten; its FLAC is encoded anew for an .mov."""
    make(tmp_path, f"{PICTURE} -i sine=d=1 -c:v libx264 -c:a flac whole.mkv")
    with av.open(str(tmp_path / "whole.mkv")) as film:
        packets = [bytes(packet) for packet in film.demux(audio=0) if packet.size]
    data = (tmp_path / "whole.mkv").read_bytes()
    for packet in packets[2:4]:
        data = data.replace(packet, bytes(len(packet)))
    (tmp_path / "damaged.mkv").write_bytes(data)
    with caplog.at_level(logging.WARNING):
        copy(tmp_path / "damaged.mkv", tmp_path / "film.mov")
    assert "2 damaged packets of sound or subtitles were skipped" in caplog.text
