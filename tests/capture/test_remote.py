"""Films on a web server: every frame, with the sound, whatever the server is like. No camera sends those."""

import itertools
import logging
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livedream.capture import remote
from livedream.capture.open import open_source
from livedream.errors import ArgumentError, SourceError
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.capture.cameras import network_camera
from tests.capture.web_server import web_server
from tests.films import av, ffprobe, write_film, write_subtitled

FRAMES = 50
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one film of 2 s, of some 200 kB, in several containers; the index of end.mp4 is at its end."""
    folder = tmp_path_factory.mktemp("films")
    for name, options in (("end.mp4", {}), ("front.mp4", {"movflags": "faststart"}), ("film.mkv", {}), ("film.ts", {})):
        how: dict[str, Any] = {
            "time_base": Fraction(1, 25),
            "gop": 5,
            "pixels": NOISE,
            "sound": "aac",
            "sound_seconds": 2.0,
        }
        write_film(folder / name, list(range(FRAMES)), options=options, **how)
    return folder


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet)[-50:] for packet in film.demux(audio=0) if packet.size]  # a head is taken off in some


@pytest.mark.parametrize("name", ["end.mp4", "front.mp4", "film.mkv", "film.ts"])
@pytest.mark.parametrize("manner", ["ranges", "redirect", "breaks"])
def test_every_frame_and_the_sound(manner: str, name: str, films: Path, tmp_path: Path) -> None:
    """Also where the connection breaks half way, again and again."""
    with web_server(films, manner) as address, open_source(f"{address}/{name}?key=k1") as source:
        assert not source.live
        assert source.rate == 25
        assert "secret" not in source.name + source.identity
        assert "k1" not in source.name
        with open_sink(tmp_path / "out.mkv", StreamInfo.of(source)) as sink:
            times = []
            for frame in source:
                times.append(frame.time)
                sink.write(frame)
            sink.end()
    assert [after - before for before, after in itertools.pairwise(times)] == [Fraction(1, 25)] * (FRAMES - 1)
    assert source.ended_early is None
    assert packets(tmp_path / "out.mkv") == packets(films / name)


@pytest.mark.parametrize("manner", ["no ranges", "chunked", "no length"])
def test_a_server_that_sends_it_only_from_the_front(manner: str, films: Path, tmp_path: Path) -> None:
    with web_server(films, manner) as address, open_source(f"{address}/film.mkv") as source:
        assert not source.live
        with open_sink(tmp_path / "out.mkv", StreamInfo.of(source)) as sink:
            for frame in source:
                sink.write(frame)
            sink.end()
    assert source.ended_early is None
    assert len(packets(tmp_path / "out.mkv")) == len(packets(films / "film.mkv"))
    with av.open(str(tmp_path / "out.mkv")) as film:
        assert sum(1 for _ in film.decode(video=0)) == FRAMES


@pytest.mark.parametrize("manner", ["chunked", "no length"])
def test_a_transport_stream_without_a_length_ends(manner: str, films: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be told from a camera, until it begins again from its beginning."""
    with web_server(films, manner) as address, open_source(f"{address}/film.ts") as source:
        assert sum(1 for _ in source) <= FRAMES
    assert "film.ts is a video that has ended" in caplog.text


def test_a_part(films: Path) -> None:
    part: dict[str, Any] = {"start": Fraction(1), "end": Fraction(3, 2)}
    with web_server(films, "ranges") as address, open_source(f"{address}/film.mkv", **part) as source:
        times = [frame.time for frame in source]
    assert times == [Fraction(number, 25) for number in range(len(times))]
    assert len(times) in (12, 13)


def test_a_camera_has_no_parts(tmp_path: Path) -> None:
    with network_camera(tmp_path) as address, pytest.raises(ArgumentError, match="is live: start and end do not apply"):
        open_source(address, start=Fraction(1))


def test_films_are_told_apart(films: Path, tmp_path: Path) -> None:
    """For --resume: the same film at another address is the same, another film at the same address is not."""

    def identity(address: str, name: str) -> str:
        with open_source(f"{address}/{name}") as source:
            return source.identity

    write_film(tmp_path / "film.mkv", list(range(FRAMES)), pixels=255 - NOISE, time_base=Fraction(1, 25), gop=5)
    with web_server(films, "ranges") as first, web_server(films, "ranges") as second:
        assert identity(first, "film.mkv") == identity(second, "film.mkv")
        with web_server(tmp_path, "ranges") as third:
            assert identity(first, "film.mkv") != identity(third, "film.mkv")


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("404", "has nothing at that path"),
        ("403", "requires a user name and a password"),
        ("500", "Server returned 5XX Server Error reply"),
    ],
)
def test_errors_of_the_server(manner: str, message: str, films: Path) -> None:
    with web_server(films, manner) as address, pytest.raises(SourceError, match=message) as caught:
        open_source(f"{address}/film.mkv")
    assert "secret" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("name", ["film.mkv", "film.ts"])
def test_a_connection_that_breaks_for_good_is_an_error(name: str, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(remote._OPTIONS, "reconnect_delay_total_max", "0")
    with web_server(films, "breaks, no ranges") as address, open_source(f"{address}/{name}") as source:
        count = 0
        with pytest.raises(SourceError, match=r"after [01]\.\d s of the video") as caught:
            for _ in source:
                count += 1
    assert 5 < count < FRAMES
    assert caught.value.hint.startswith("download it first")
    assert "secret" not in str(caught.value)


@pytest.mark.needs_ffmpeg
def test_a_playlist_with_an_end_is_a_film(films: Path, tmp_path: Path) -> None:
    how = ["-c", "copy", "-f", "hls", "-hls_time", "0.2", "-hls_list_size", "0", str(tmp_path / "list.m3u8")]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(films / "film.mkv"), *how], check=True, timeout=60)
    with web_server(tmp_path, "ranges") as address, open_source(f"{address}/list.m3u8") as source:
        assert not source.live
        assert sum(1 for _ in source) == FRAMES


def test_the_sound_of_a_camera_is_said_to_be_lost(
    make_clip: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_clip("film.ts", audio=True, frames=20)
    with web_server(tmp_path, "chunked") as address, open_source(f"{address}/film.ts") as source:
        assert source.live
        with caplog.at_level(logging.WARNING), open_sink(tmp_path / "out.mp4", StreamInfo.of(source)):
            pass
    assert f"the sound of {source.name} is not kept: record it with another program" in caplog.messages


def test_a_film_without_sound_keeps_its_subtitles(tmp_path: Path) -> None:
    write_subtitled(tmp_path / "film.mkv")
    with (
        web_server(tmp_path, "ranges") as address,
        open_source(f"{address}/film.mkv") as source,
        open_sink(tmp_path / "out.mkv", StreamInfo.of(source)) as sink,
    ):
        for frame in source:
            sink.write(frame)
        sink.end()
    (text,) = ffprobe(tmp_path / "out.mkv", "s", "packet=pts_time,duration_time")
    assert (float(text["pts_time"]), float(text["duration_time"])) == pytest.approx((0.2, 0.5), abs=0.002)
