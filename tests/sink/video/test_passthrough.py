"""Sound, subtitles, chapters and tags that are carried into another video, checked with ffprobe and ffmpeg.

Everything is copied, or re-encoded with a message, or left out with a message.
"""

import json
import logging
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from livedream.capture.open import open_source
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
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
    with open_source(source_path, **part) as source, open_sink(path, StreamInfo.of(source)) as sink:
        for frame in source:
            sink.write(frame)
        sink.end()
    return path


def cues(path: Path) -> list[tuple[str, Any, Any]]:
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
def test_all_tracks_chapters_and_tags_are_carried(
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
        assert f"the sound ({SOUND[name][its_kind]}) is encoded as " in caplog.text
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


def test_a_gif_has_no_other_tracks_and_a_warning_says_so(
    films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        copy(films / "srt.mkv", tmp_path / "film.gif")
    assert "srt.mkv: left out because gif cannot hold it: audio (pcm_s16le), subtitle (srt)\n" in caplog.text


def test_part_of_a_film_has_that_part_of_everything(films: Path, tmp_path: Path) -> None:
    """By hand: from 0.8 to 1.6 s, the first text is left for 0.1, the second comes at 0.7; chapter one ends at 0.2."""
    film = copy(films / "text.mp4", tmp_path / "film.mkv", start=Fraction(4, 5), end=Fraction(8, 5))
    texts = ffprobe(film, "s", "packet=pts_time,duration_time")
    assert [float(text["pts_time"]) for text in texts] == pytest.approx([0, 0.7], abs=0.03)
    assert float(texts[0]["duration_time"]) == pytest.approx(0.1, abs=0.03)
    with av.open(str(film)) as container:
        ends = [float(chapter["end"] * (chapter["time_base"] or 0)) for chapter in container.chapters()]
    assert ends == pytest.approx([0.2, 0.8])


def test_sparse_subtitles_do_not_delay_the_file(films: Path, tmp_path: Path) -> None:
    """An mp4 keeps its head back until every track has a packet, and FFmpeg everything else for ten seconds."""
    with open_source(films / "srt.mkv") as source:
        info = StreamInfo.of(source)
        frames = list(source)
    for suffix in (".mp4", ".mkv"):
        with open_sink(tmp_path / f"film{suffix}", info) as sink:
            for cycle in range(3):
                for frame in frames:
                    sink.write(type(frame)(frame.pixels, frame.time + cycle * Fraction(12, 5), frame.index))
            with av.open(str(tmp_path / f"film.part{suffix}")) as film:  # as if the process were killed now
                last = max(packet.pts * packet.time_base for packet in film.demux(video=0) if packet.pts is not None)
            assert last > Fraction(36, 5) - Fraction(5, 2)  # x264 holds back one second, an open fragment another


@pytest.fixture(scope="module")
def labelled(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with two sound tracks and two subtitles that say what they are, a cover and a font."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "font.ttf").write_bytes(b"not really a font")
    Image.new("RGB", (40, 30), "green").save(folder / "cover.jpg")
    words = (
        f"-i {films / 'srt.mkv'} -map 0:v -map 0:a -map 0:a -map 0:s -map 0:s -c copy -map_chapters -1"
        " -metadata:s:v language=jpn -metadata:s:a:0 language=eng -metadata:s:a:0 title=English"
        " -metadata:s:a:1 language=fra -metadata:s:a:1 title=Director -metadata:s:s:1 language=de"
        " -disposition:a:0 default -disposition:a:1 comment -disposition:s:0 forced -disposition:s:1 hearing_impaired"
        " -attach cover.jpg -metadata:s:t:0 mimetype=image/jpeg -attach font.ttf -metadata:s:t:1 mimetype=font/ttf"
    )
    make(folder, f"{words} film.mkv")
    return folder


def labels(path: Path) -> list[tuple[str, str | None, str | None, set[str]]]:
    """What ffprobe says of each track that is no picture: kind, language, title, dispositions."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    found = []
    for stream in streams:
        tags = {key.lower(): text for key, text in stream.get("tags", {}).items()}
        on = {name for name, value in stream["disposition"].items() if value}
        name = tags.get("title", tags.get("handler_name"))
        if stream["codec_type"] in ("audio", "subtitle"):
            found.append((stream["codec_type"], tags.get("language"), name, on))
    return found


def cover_in(path: Path) -> bytes:
    with av.open(str(path)) as container:
        _, cover = container.streams.video
        assert cover.disposition & av.stream.Disposition.attached_pic
        (picture,) = [bytes(packet) for packet in container.demux(cover) if packet.size]
        return picture


def test_tracks_keep_their_labels(labelled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Matroska holds all of it; an mp4 has no two-letter languages and no fonts."""
    with caplog.at_level(logging.WARNING):
        film = copy(labelled / "film.mkv", tmp_path / "film.mkv")
    assert "left out" not in caplog.text
    assert labels(film) == [
        ("audio", "eng", "English", {"default"}),
        ("audio", "fra", "Director", {"comment"}),
        ("subtitle", "fra", None, {"forced"}),
        ("subtitle", "de", None, {"hearing_impaired"}),
    ]
    with av.open(str(film)) as container:
        assert container.streams.video[0].metadata["language"] == "jpn"
        (font,) = container.streams.attachments
        assert (font.name, font.mimetype, bytes(font.data)) == ("font.ttf", "font/ttf", b"not really a font")
    assert cover_in(film) == (labelled / "cover.jpg").read_bytes()

    with caplog.at_level(logging.WARNING):
        film = copy(labelled / "film.mkv", tmp_path / "film.mp4")
    lost = "left out because mp4 cannot hold it: language de (subtitle (srt)), attachment (font.ttf)"
    assert lost in caplog.text
    assert cover_in(film) == (labelled / "cover.jpg").read_bytes()
    assert [(kind, said, on - {"captions"}) for kind, _, said, on in labels(film)] == [
        ("audio", "English", {"default"}),
        ("audio", "Director", {"comment"}),
        ("subtitle", "SubtitleHandler", {"default", "forced"}),  # FFmpeg enables the first track of a kind
        ("subtitle", "SubtitleHandler", {"hearing_impaired"}),
    ]
    caplog.clear()
    back = copy(film, tmp_path / "back.mkv")
    assert labels(back)[3][3] == {"hearing_impaired"}
    assert "left out" not in caplog.text  # an mp4 says "captions" of such a track too


def test_label_is_that_of_the_track_that_was_read(tmp_path: Path) -> None:
    """The default picture track is a thumbnail; the other one is dreamt."""
    still, film = "-f lavfi -i color=red:s=160x120:r=1:d=1", "-f lavfi -i testsrc2=s=64x48:r=25:d=1"
    languages = "-metadata:s:v:0 language=ita -metadata:s:v:1 language=jpn -disposition:v:0 default -disposition:v:1 0"
    make(tmp_path, f"{still} {film} -map 0 -map 1 -c:v libx264 {languages} film.mkv")
    copy(tmp_path / "film.mkv", tmp_path / "out.mkv")
    (pictures,) = ffprobe(tmp_path / "out.mkv", "v", "stream=width:stream_tags=language")
    assert pictures == {"width": 64, "tags": {"language": "jpn"}}


def test_mov_and_webm_say_which_labels_they_lose(
    labelled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        copy(labelled / "film.mkv", tmp_path / "film.mov")
        copy(labelled / "film.mkv", tmp_path / "film.webm")
    assert "left out because mov cannot hold it: comment (audio (pcm_s16le)), forced (subtitle (srt))" in caplog.text
    assert "left out because webm cannot hold it: comment (audio (pcm_s16le)), hearing impaired" in caplog.text


OVERLAP = """1
00:00:00,500 --> 00:00:01,800
First person

2
00:00:00,900 --> 00:00:01,400
Second person

3
00:00:02,000 --> 00:00:02,200
Line A

4
00:00:02,000 --> 00:00:02,200
Line B

"""
SPOKEN_TOGETHER = [
    ("First person", 0.5, 0.9),
    ("First person\nSecond person", 0.9, 1.4),
    ("First person", 1.4, 1.8),
    ("Line A\nLine B", 2.0, 2.2),
]
SPOKEN_APART = [("First person", 0.5, 1.8), ("Second person", 0.9, 1.4), ("Line A", 2.0, 2.2), ("Line B", 2.0, 2.2)]


@pytest.mark.parametrize("text", ["srt", "ass"])
@pytest.mark.parametrize(
    ("suffix", "expected"),
    [(".mp4", SPOKEN_TOGETHER), (".mov", SPOKEN_TOGETHER), (".mkv", SPOKEN_APART), (".webm", SPOKEN_APART)],
)
def test_texts_that_overlap_keep_their_times(
    suffix: str, expected: list[tuple[str, float, float]], text: str, films: Path, tmp_path: Path
) -> None:
    """An mp4 shows one sample at a time: what is shown together is one text in it. By hand from the cues."""
    (tmp_path / "overlap.srt").write_text(OVERLAP)
    make(tmp_path, f"-i {films / 'silent.mkv'} -i overlap.srt -map 0:v -map 1 -c:v copy -c:s {text} overlap.mkv")
    assert cues(copy(tmp_path / "overlap.mkv", tmp_path / f"film{suffix}")) == expected


def test_text_ends_with_the_part_of_the_video(films: Path, tmp_path: Path) -> None:
    """From 0 to 2 s of a text that is shown from 1.5 to 2.2 s: 0.5 s are left of it."""
    film = copy(films / "srt.mkv", tmp_path / "film.mkv", start=Fraction(0), end=Fraction(2))
    (_, last) = ffprobe(film, "s", "packet=pts_time,duration_time")
    assert float(last["pts_time"]) + float(last["duration_time"]) == pytest.approx(2.0, abs=0.03)


ENDLESS = """1
00:00:00,200 --> 00:00:01,000
First

2
00:00:00,500 --> 00:00:00,500
Without an end

3
00:00:01,000 --> 00:00:01,500
Next

4
00:00:01,600 --> 00:00:01,600
At the end

"""


def test_text_without_an_end_lasts_until_the_next(films: Path, tmp_path: Path) -> None:
    """Also where another one ends at the same time; the last one does not outlast the part."""
    (tmp_path / "endless.srt").write_text(ENDLESS)
    make(tmp_path, f"-i {films / 'silent.mkv'} -i endless.srt -map 0:v -map 1 -c:v copy -c:s srt endless.mkv")
    film = copy(tmp_path / "endless.mkv", tmp_path / "film.mp4", start=Fraction(0), end=Fraction(2))
    together = ("First\nWithout an end", 0.5, 1.0)
    assert cues(film) == [("First", 0.2, 0.5), together, ("Next", 1.0, 1.5), ("At the end", 1.6, 2.0)]
    (track,) = ffprobe(film, "s", "stream=duration")
    assert float(track["duration"]) == pytest.approx(2, abs=0.01)
