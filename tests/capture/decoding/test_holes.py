"""Stretches of a film that a damaged file has lost without a trace; and whole films, of which nobody may say that."""

import logging
import re
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from livedream.capture.decoding.container import missing_bytes
from livedream.capture.video import VideoSource
from tests.films import av, write_film

TICKS = list(range(25))
PLAIN: dict[str, Any] = {"time_base": Fraction(1, 25), "gop": 5}


def without(whole: Path, film: Path, begin: float, end: float, *kinds: str) -> Path:
    """Copy a film without the packets of these kinds from begin to end, in seconds since its pictures begin."""
    with av.open(str(whole)) as source, av.open(str(film), "w") as copy:
        pictures = source.streams.video[0]
        first = (pictures.start_time or 0) * (pictures.time_base or 0)
        tracks = [copy.add_stream_from_template(track) for track in source.streams]
        for packet in source.demux():
            if packet.pts is None or (
                packet.stream.type in kinds and begin <= packet.pts * packet.time_base - first < end
            ):
                continue
            packet.stream = tracks[packet.stream.index]
            copy.mux(packet)
    return film


def warnings_of(film: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING), VideoSource(film) as source:
        for _ in source:
            pass
    return [record.getMessage().removeprefix(f"{film}: ") for record in caplog.records]


@pytest.mark.parametrize(("kind", "place"), [("mkv", "0.40 to 0.60"), ("flv", "0.42 to 0.62")])
def test_neither_pictures_nor_sound(kind: str, place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pictures 10 to 14 of 25 a second. In FLV the film begins with the delay of the AAC encoder, 1024/48000 s."""
    whole = write_film(tmp_path / f"whole.{kind}", TICKS, sound="aac", **PLAIN)
    assert warnings_of(whole, caplog) == []
    damaged = without(whole, tmp_path / f"damaged.{kind}", 0.399, 0.599, "video", "audio")
    assert warnings_of(damaged, caplog) == [f"no data from {place} s; the file may be damaged"]


def test_pictures_that_are_shown_for_long_are_no_holes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write_film(tmp_path / "whole.mkv", TICKS, sound="aac", **PLAIN)
    assert warnings_of(without(whole, tmp_path / "slide.mkv", 0.4, 0.6, "video"), caplog) == []
    assert warnings_of(without(whole, tmp_path / "pause.mkv", 0.4, 0.6, "audio"), caplog) == []
    short = write_film(tmp_path / "short.mkv", [*TICKS, 100], sound="aac", sound_seconds=0.5, **PLAIN)
    assert warnings_of(short, caplog) == []
    alone = write_film(tmp_path / "alone.mkv", [*TICKS, 100, 200], **PLAIN)
    assert warnings_of(alone, caplog) == []


def test_every_frame_has_a_packet_in_ogg(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = {"page_duration": "100000"}  # microseconds
    film = write_film(tmp_path / "film.ogv", TICKS, codec="libvpx", sound="libopus", options=options, **PLAIN)
    assert warnings_of(film, caplog) == []
    content = bytearray(film.read_bytes())
    places = [found.start() for found in re.finditer(b"OggS", content)]
    pictures = [place for place in places if content[place + 14 : place + 18] == content[14:18]]  # the first track
    content[pictures[len(pictures) // 2] + 40] ^= 1  # the sum of the page is wrong: FFmpeg leaves it out
    film.write_bytes(content)
    (line,) = warnings_of(film, caplog)
    assert re.fullmatch(r"no data from 0\.\d\d to 0\.\d\d s; the file may be damaged", line)


@pytest.mark.needs_ffmpeg
def test_theora_repeats_a_picture_with_an_empty_packet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = tmp_path / "still.ogv"
    source = ["-f", "lavfi", "-i", "color=red:size=64x48:rate=30:duration=1"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-c:v", "libtheora", str(film)], check=True, timeout=60)
    with av.open(str(film)) as still:
        assert 0 in [packet.size for packet in still.demux(video=0) if packet.pts is not None]
    assert warnings_of(film, caplog) == []


@pytest.mark.parametrize(("kind", "format"), [("mkv", "matroska,webm"), ("avi", "avi")])
def test_a_file_that_is_shorter_than_its_header_says(kind: str, format: str, tmp_path: Path) -> None:
    film = write_film(tmp_path / f"whole.{kind}", TICKS, **PLAIN)
    assert missing_bytes(film, format) == 0
    film.write_bytes(film.read_bytes()[:-100])
    assert missing_bytes(film, format) == 100
    film.write_bytes(film.read_bytes() + bytes(1000))
    assert missing_bytes(film, format) == 0


def test_a_film_written_to_a_pipe_promises_no_bytes(tmp_path: Path) -> None:
    film = write_film(tmp_path / "live.mkv", TICKS, options={"live": "1"}, **PLAIN)
    assert missing_bytes(film, "matroska,webm") == 0


def test_what_was_not_read_is_no_hole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A part ends before the film does."""
    film = write_film(tmp_path / "film.mkv", [40 * number for number in range(75)], sound="aac", sound_seconds=3.0)
    with VideoSource(film, end=Fraction(1)) as source:
        assert len(list(source)) == 25
    assert not [said for said in caplog.messages if "no data" in said]
