"""A part of a film: skipping, starting and ending. What is expected is what the whole film shows."""

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livedream.capture.decoding.video_decoder import VideoDecoder
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.capture.video import VideoSource
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.films import av

KINDS = {".mp4": "libx264", ".mkv": "libx264", ".ts": "libx264", ".avi": "mpeg4", ".mov": "libx264", ".h264": "libx264"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A film of 100 frames in 4 s in each container; every frame is another picture."""
    folder = tmp_path_factory.mktemp("films")
    return {kind: moving(folder / f"film{kind}", codec) for kind, codec in KINDS.items()}


def moving(path: Path, codec: str, sound: str | None = None) -> Path:
    """A film of 100 frames, 25 to the second, with a key frame every 12 and B-frames where the codec has them."""
    with av.open(str(path), "w") as film, av.open("testsrc2=size=64x48:rate=25", format="lavfi") as pattern:
        stream = film.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 12
        tone = film.add_stream(sound, rate=48000) if sound else None
        for index, picture in zip(range(100), pattern.decode(video=0), strict=False):
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            film.mux(stream.encode(picture))
        film.mux(stream.encode())
        if tone is not None:
            assert isinstance(tone, av.AudioStream)
            with av.open("sine=sample_rate=48000:duration=4", format="lavfi") as sine:
                for samples in sine.decode(audio=0):
                    film.mux(tone.encode(samples))
            film.mux(tone.encode())
    return path


def read(source: Source) -> list[Frame]:
    with source:
        return list(source)


def same(some: list[Frame], others: list[Frame], *, shift: Fraction = Fraction(0), ahead: int = 0) -> bool:
    return len(some) == len(others) and all(
        np.array_equal(a.pixels, b.pixels) and a.time == b.time - shift and a.index == b.index - ahead
        for a, b in zip(some, others, strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 37, 99, 100, 200])
def test_what_follows_skipped_frames_is_as_if_they_had_been_taken(
    kind: str, count: int, films: dict[str, Path]
) -> None:
    whole = read(VideoSource(films[kind]))
    assert len(whole) == 100
    with VideoSource(films[kind]) as source:
        source.skip(count)
        assert same(list(source), whole[count:])


def test_skipping_between_frames(films: dict[str, Path]) -> None:
    whole = read(VideoSource(films[".mp4"]))
    with VideoSource(films[".mp4"]) as source:
        some = list(itertools.islice(source, 3))
        source.skip(4)
        assert same([*some, *source], whole[:3] + whole[7:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("start", "end"), [("0.5", "1"), ("2.5", None), ("2.501", "3.2"), ("3.96", None), (None, "1")])
def test_part_is_cut_from_the_whole(kind: str, start: str | None, end: str | None, films: dict[str, Path]) -> None:
    begin, stop = Fraction(start or 0), Fraction(end or 9)
    wanted = [frame for frame in read(VideoSource(films[kind])) if begin <= frame.time < stop]
    with VideoSource(films[kind], start=None if start is None else begin, end=None if end is None else stop) as source:
        assert source.length is None or abs(source.length - len(wanted)) <= 1
        frames = list(source)
    shift = Fraction(0) if start is None else wanted[0].time
    assert same(frames, wanted, shift=shift, ahead=wanted[0].index)
    assert source.start >= shift
    assert source.until == (None if end is None else stop - shift)


def test_reading_begins_near_the_start(films: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    packets = VideoDecoder._packets

    def counted(decoder: VideoDecoder) -> Iterator[Any]:
        for packet in packets(decoder):
            read.append(1)
            yield packet

    monkeypatch.setattr(VideoDecoder, "_packets", counted)
    with VideoSource(films[".mp4"], start=Fraction(3)) as source:
        next(iter(source))
    assert len(read) < 50  # the 75th frame of 100, with a key frame every 12


@pytest.mark.parametrize(
    ("start", "end", "error", "text"),
    [
        (9, None, SourceError, "no frame at 9 s, the last one is at 3.96 s"),
        (Fraction("1.001"), Fraction("1.002"), SourceError, "no frame between 1.001 and 1.002 s"),
        (2, 2, ArgumentError, "a part that starts at 2 s cannot end at 2 s"),
        (2, 1, ArgumentError, "a part that starts at 2 s cannot end at 1 s"),
        (None, 0, ArgumentError, "a part that starts at 0 s cannot end at 0 s"),
        (-1, None, ArgumentError, "start must not be negative"),
    ],
)
def test_part_that_is_none(
    start: Fraction | int | None, end: Fraction | int | None, error: type[Exception], text: str, films: dict[str, Path]
) -> None:
    with pytest.raises(error, match=text):
        VideoSource(films[".mp4"], start=start, end=end)


@pytest.mark.parametrize("spec", ["demo", "0", "rtsp://nowhere/1", "photo.jpg", "."])
def test_only_films_have_parts(spec: str) -> None:
    with pytest.raises(ArgumentError, match="is not a video: start and end do not apply"):
        open_source(spec, start=Fraction(1))


@pytest.mark.parametrize("target", [".mp4", ".mkv"])
@pytest.mark.parametrize("kind", [".mp4", ".mkv"])
def test_sound_of_a_part(kind: str, target: str, tmp_path: Path) -> None:
    """The packets of the sound are those of the whole between start and end, as far from the pictures as they were."""
    film = moving(tmp_path / f"film{kind}", "libx264", sound="aac")
    with (
        open_source(film, start=Fraction(12, 5), end=Fraction(17, 5)) as source,
        open_sink(tmp_path / f"part{target}", StreamInfo.of(source)) as sink,
    ):
        for frame in source:
            sink.write(frame)
        sink.end()
    assert source.until is not None
    whole, part = packets(film, "audio"), packets(tmp_path / f"part{target}", "audio")
    wanted = [(time, content) for time, content in whole if 0 <= time - source.start < source.until]
    assert [content for _, content in part] == [content for _, content in wanted]
    pictures = sorted(time for time, _ in packets(tmp_path / f"part{target}", "video"))
    assert len(pictures) == 25
    lag = wanted[0][0] - min(time for time, _ in packets(film, "video") if time >= source.start)
    assert abs(part[0][0] - pictures[0] - lag) <= Fraction(2, 1000)  # Matroska counts milliseconds


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Times and contents of the packets of `audio` or `video`."""
    with av.open(str(path)) as film:
        found = [packet for packet in film.demux(**{kind: 0}) if packet.size and packet.pts is not None]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in found]
