"""Sound, subtitles, chapters and title of a film in another one, by what ffprobe and ffmpeg find.

Row 39 of reference/video.md, section 9: all of it is copied, or encoded anew and said, or left out and said.
"""

import logging
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from livedream.capture.source import open_source
from livedream.sink.sink import Facts, open_sink
from tests.films import av, ffprobe

CUES = """1
00:00:00,200 --> 00:00:00,900
Hello <i>there</i>

2
00:00:01,500 --> 00:00:02,200
Second, line
and another

"""
SPOKEN = [("Hello <i>there</i>", 0.2, 0.9), ("Second, line\nand another", 1.5, 2.2)]
TAGS = """;FFMETADATA1
title=My Film
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2400
title=Two
"""
# Of each film to read: how ffmpeg encodes its pictures, sound and subtitles.
SOURCES = {
    "srt.mkv": ("libx264", "pcm_s16le", "srt"),
    "ass.mkv": ("libx264", "flac", "ass"),
    "text.mp4": ("libx264", "aac", "mov_text"),
    "vtt.webm": ("libvpx-vp9", "libopus", "webvtt"),
}
# What becomes of them, by FFmpeg's table of what a container holds (libavformat, muxers of these names).
SOUND = {
    "srt.mkv": {".mp4": "pcm_s16le", ".mov": "pcm_s16le", ".mkv": "pcm_s16le", ".webm": "opus"},
    "ass.mkv": {".mp4": "flac", ".mov": "aac", ".mkv": "flac", ".webm": "opus"},
    "text.mp4": {".mp4": "aac", ".mov": "aac", ".mkv": "aac", ".webm": "opus"},
    "vtt.webm": {".mp4": "opus", ".mov": "aac", ".mkv": "opus", ".webm": "opus"},
}
TEXT = {
    "srt.mkv": {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "subrip", ".webm": "webvtt"},
    "ass.mkv": {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "ass", ".webm": "webvtt"},
    "text.mp4": {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "subrip", ".webm": "webvtt"},
    "vtt.webm": {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "webvtt", ".webm": "webvtt"},
}

pytestmark = pytest.mark.needs_ffmpeg


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the films of SOURCES, 2.4 s each, with everything in them, and a silent one."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "cues.srt").write_text(CUES)
    (folder / "tags.txt").write_text(TAGS)
    make(folder, "-f lavfi -i testsrc2=size=64x48:rate=25:d=2.4 -i cues.srt -i tags.txt -map_metadata 2 silent.mkv")
    everything = "-f lavfi -i sine=sample_rate=48000:d=2.4 -i silent.mkv -map 1:v -map 0 -map 1:s -map_metadata 1"
    languages = "-metadata:s:a language=ita -metadata:s:s language=fra"
    for name, (video, sound, text) in SOURCES.items():
        make(folder, f"{everything} {languages} -c:v {video} -c:a {sound} -c:s {text} {name}")
    return folder


def make(folder: Path, words: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", *words.split()], cwd=folder, check=True)


def copy(source_path: Path, path: Path, **part: Any) -> Path:
    with open_source(source_path, **part) as source, open_sink(path, Facts.of(source)) as sink:
        for frame in source:
            sink.write(frame)
        sink.end()
    return path


def cues(path: Path) -> list[tuple[str, float, float]]:
    """The subtitles as ffmpeg writes them into a text: what, from when, and until when, after the first picture."""
    command = ["ffmpeg", "-v", "error", "-copyts", "-i", str(path), "-map", "0:s", "-f", "srt", "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    with av.open(str(path)) as film:
        picture = next(film.decode(video=0)).time
    found = []
    for cue in text.strip().split("\n\n"):
        _, times, said = cue.split("\n", 2)
        begin, end = (float(time[6:].replace(",", ".")) - picture for time in times.split(" --> "))
        found.append((said, pytest.approx(begin, abs=0.002), pytest.approx(end, abs=0.002)))
    return found


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(audio=0) if packet.size]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("name", list(SOURCES))
def test_all_of_it_comes_along(
    name: str, suffix: str, films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, its_kind = films / name, Path(name).suffix
    with caplog.at_level(logging.WARNING):
        film = copy(source, tmp_path / f"film{suffix}")
    sound, text = SOUND[name][suffix], TEXT[name][suffix]
    codecs = {track["codec_type"]: track["codec_name"] for track in ffprobe(film, "", "stream=codec_type,codec_name")}
    assert (codecs["audio"], codecs["subtitle"]) == (sound, text)
    if sound == SOUND[name][its_kind]:
        assert packets(film) == packets(source)
        assert "the sound" not in caplog.text
    else:
        assert f"the sound ({SOUND[name][its_kind]}) does not fit into the film" in caplog.text
    assert ("the subtitles" in caplog.text) == (text != TEXT[name][its_kind])
    assert cues(film) == SPOKEN
    with av.open(str(film)) as container:
        assert container.metadata["title"] == "My Film"
        assert {"artist": "Somebody"}.items() <= {key.lower(): text for key, text in container.metadata.items()}.items()
        told = [
            (chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"], chapter["metadata"])
            for chapter in container.chapters()
            if chapter["time_base"]
        ]
        assert told == [(0, 1, {"title": "One"}), (1, Fraction(12, 5), {"title": "Two"})]
        assert container.streams.audio[0].metadata["language"] == "ita"
        assert container.streams.subtitles[0].metadata["language"] == "fra"
        assert container.duration is not None
        assert container.duration == pytest.approx(2_420_000, abs=60_000)  # no track goes on when the film has ended


def test_film_without_sound_keeps_its_subtitles(films: Path, tmp_path: Path) -> None:
    film = copy(films / "silent.mkv", tmp_path / "film.mp4")
    assert ffprobe(film, "a", "stream=codec_name") == []
    assert cues(film) == SPOKEN


def test_gif_has_none_of_it_and_says_so(films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        copy(films / "srt.mkv", tmp_path / "film.gif")
    assert "srt.mkv: what gif cannot hold is left out: audio (pcm_s16le), subtitle (srt)" in caplog.text


def test_part_of_a_film_has_that_part_of_everything(films: Path, tmp_path: Path) -> None:
    """By hand: from 0.8 to 1.6 s, the first text is left for 0.1, the second comes at 0.7; chapter one ends at 0.2."""
    film = copy(films / "text.mp4", tmp_path / "film.mkv", start=Fraction(4, 5), end=Fraction(8, 5))
    texts = ffprobe(film, "s", "packet=pts_time,duration_time")
    assert [float(text["pts_time"]) for text in texts] == pytest.approx([0, 0.7], abs=0.03)
    assert float(texts[0]["duration_time"]) == pytest.approx(0.1, abs=0.03)
    with av.open(str(film)) as container:
        ends = [float(chapter["end"] * (chapter["time_base"] or 0)) for chapter in container.chapters()]
    assert ends == pytest.approx([0.2, 0.8])


def test_rare_subtitles_hold_nothing_back(films: Path, tmp_path: Path) -> None:
    """An mp4 keeps its head back until every track has a packet, and FFmpeg everything else for ten seconds."""
    with open_source(films / "srt.mkv") as source:
        facts = Facts.of(source)
        frames = list(source)
    for suffix in (".mp4", ".mkv"):
        with open_sink(tmp_path / f"film{suffix}", facts) as sink:
            for cycle in range(3):
                for frame in frames:
                    sink.write(type(frame)(frame.pixels, frame.time + cycle * Fraction(12, 5), frame.index))
            with av.open(str(tmp_path / f"film.part{suffix}")) as film:  # as if the process were killed now
                last = max(packet.pts * packet.time_base for packet in film.demux(video=0) if packet.pts is not None)
            assert last > Fraction(36, 5) - Fraction(5, 2)  # x264 holds back one second, an open fragment another


def test_what_is_neither_sound_nor_text_is_left_out_and_said(
    films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A font among the subtitles of an .mkv."""
    font = tmp_path / "font.ttf"
    font.write_bytes(b"not really")
    command = ["ffmpeg", "-v", "error", "-i", str(films / "ass.mkv"), "-map", "0", "-c", "copy", "-attach", str(font)]
    film = tmp_path / "font.mkv"
    subprocess.run([*command, "-metadata:s:t", "mimetype=application/x-truetype-font", str(film)], check=True)
    with caplog.at_level(logging.WARNING):
        copy(film, tmp_path / "film.mkv")
    assert "what matroska cannot hold is left out: attachment" in caplog.text
