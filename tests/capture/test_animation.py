"""Animated pictures as films. Delays and colours are those of shared/cases/03_animated.py, or written by hand."""

import logging
import struct
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from livedream.capture.animation import AnimationSource
from livedream.capture.kind import Kind, kind_of
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.cli.tasks.batch_plan import plan
from livedream.errors import ArgumentError, SourceError
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo

COLOURS = ((200, 40, 30), (30, 180, 60), (40, 60, 210))
DELAYS = (100, 300, 1000)
"""Milliseconds."""


def pictures(mode: str = "RGB") -> list[Image.Image]:
    return [Image.new(mode, (64, 48), colour) for colour in COLOURS]


def animated(path: Path, frames: list[Image.Image] | None = None, **options: Any) -> Path:
    frames = frames or pictures()
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    how: dict[str, Any] = {
        "save_all": True,
        "append_images": frames[1:],
        "duration": list(DELAYS[: len(frames)]),
        **lossless,
    }
    frames[0].save(path, **{**how, **options})
    return path


def seconds(source: Source) -> list[tuple[float, float | None]]:
    return [(float(frame.time), None if frame.duration is None else float(frame.duration)) for frame in source]


@pytest.mark.parametrize("name", ["a.png", "a.apng", "a.webp", "a.avif", "a.avifs"])
def test_is_a_film_with_its_own_delays(name: str, tmp_path: Path) -> None:
    kind: dict[str, Any] = {"format": "png"} if name == "a.apng" else {"format": "avif"} if name == "a.avifs" else {}
    with open_source(animated(tmp_path / name, **kind)) as source:
        assert isinstance(source, AnimationSource)
        assert (source.stills, source.live, source.length, source.size) == (False, False, 3, (64, 48))
        assert source.rate == Fraction(3000, 1400)
        frames = list(source)
    assert [frame.time for frame in frames] == [0, Fraction(1, 10), Fraction(4, 10)]
    assert [frame.duration for frame in frames] == [Fraction(1, 10), Fraction(3, 10), 1]
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert np.allclose(frame.pixels[24, 32], colour, atol=4 if "avif" in name else 0)


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif", "a.gif"])
@pytest.mark.parametrize("target", ["out.mp4", "out.gif"])
def test_film_of_it_is_as_long(name: str, target: str, tmp_path: Path) -> None:
    """Also the last frame keeps its second: 1.4 s, and not 0.4 and a guess."""
    with open_source(animated(tmp_path / name)) as source, open_sink(tmp_path / target, StreamInfo.of(source)) as sink:
        for frame in source:
            sink.write(frame)
        sink.end()
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(tmp_path / target)]
    assert float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) == pytest.approx(1.4)


def test_gif_stays_with_ffmpeg_and_one_frame_is_a_picture(tmp_path: Path) -> None:
    assert kind_of(animated(tmp_path / "a.gif")) is Kind.VIDEO
    for name in ("one.gif", "one.png", "one.webp", "one.avif"):
        assert kind_of(animated(tmp_path / name, pictures()[:1])) is Kind.IMAGE


def test_name_of_another_kind(tmp_path: Path) -> None:
    """The web serves animated WebP under names such as a.jpg and a.gif."""
    webp = animated(tmp_path / "a.webp").read_bytes()
    for name in ("b.jpg", "b.png", "b.gif", "b"):
        (tmp_path / name).write_bytes(webp)
        with open_source(tmp_path / name) as source:
            assert len(list(source)) == 3, name


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_disposal_and_blending_of_a_png(tmp_path: Path) -> None:
    """White, a red square over it that is taken away again, a green half that stays (PNG third edition, 11.3.6.2)."""
    packed = [zlib.compress((b"\0" + bytes(rgba) * width) * height) for rgba, width, height in
              (((255, 255, 255, 255), 64, 48), ((255, 0, 0, 255), 8, 8), ((0, 255, 0, 255), 32, 48))]  # fmt: skip
    controls = [  # number, width, height, x, y, delay, disposal (2: previous), blending (1: over)
        struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 10, 0, 0),
        struct.pack(">IIIIIHHBB", 1, 8, 8, 0, 0, 1, 10, 2, 1),
        struct.pack(">IIIIIHHBB", 3, 32, 48, 32, 0, 1, 10, 0, 1),
    ]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 6, 0, 0, 0)), (b"acTL", struct.pack(">II", 3, 0))]
    chunks += [(b"fcTL", controls[0]), (b"IDAT", packed[0])]
    chunks += [(b"fcTL", controls[1]), (b"fdAT", struct.pack(">I", 2) + packed[1])]
    chunks += [(b"fcTL", controls[2]), (b"fdAT", struct.pack(">I", 4) + packed[2]), (b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    with open_source(tmp_path / "a.png") as source:
        first, second, third = (frame.pixels.astype(int) for frame in source)
    assert first.min() == 255
    assert [tuple(second[4, x]) for x in (4, 40)] == [(255, 0, 0), (255, 255, 255)]
    assert [tuple(third[4, x]) for x in (4, 40)] == [(255, 255, 255), (0, 255, 0)]


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif"])
def test_transparency_is_laid_on_white(name: str, tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (64, 48), (0, 0, 0, alpha)) for alpha in (0, 255, 0)]
    options = {"disposal": 0, "blend": 0} if name == "a.png" else {}
    with open_source(animated(tmp_path / name, frames, **options)) as source:
        levels = [int(frame.pixels[24, 32, 0]) for frame in source]
    assert np.allclose(levels, [255, 0, 255], atol=2)


def test_default_picture_of_a_png_is_no_frame(tmp_path: Path) -> None:
    cover = Image.new("RGB", (64, 48), "black")
    path = tmp_path / "a.png"
    cover.save(path, save_all=True, append_images=pictures(), duration=list(DELAYS), default_image=True)
    with open_source(path) as source:
        assert source.length == 3
        frames = list(source)
    assert [tuple(frame.pixels[0, 0]) for frame in frames] == list(COLOURS)
    assert [frame.duration for frame in frames] == [Fraction(1, 10), Fraction(3, 10), 1]


def test_exact_delay_of_a_png(tmp_path: Path) -> None:
    """30000/1001 frames per second: a delay of 1001/30000 s, which is no number of milliseconds."""
    path = animated(tmp_path / "a.png", duration=1001 / 30)
    with open_source(path) as source:
        assert source.rate == Fraction(30000, 1001)
        assert [frame.time for frame in source] == [Fraction(1001 * n, 30000) for n in range(3)]


def test_no_delay_is_a_tenth_as_in_browsers(tmp_path: Path) -> None:
    with open_source(animated(tmp_path / "a.webp", duration=0)) as source:
        assert seconds(source) == [(0.0, 0.1), (0.1, 0.1), (0.2, 0.1)]


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_part(name: str, tmp_path: Path) -> None:
    path = animated(tmp_path / name)
    with open_source(path, start=Fraction(1, 10), end=Fraction(4, 10)) as source:
        assert source.length == 1
        (frame,) = source
    assert (frame.time, frame.duration, tuple(frame.pixels[0, 0])) == (0, Fraction(3, 10), COLOURS[1])
    with open_source(path, start=Fraction(3, 10), end=Fraction(1, 2)) as source:
        assert seconds(source) == [(0.0, 0.1)]
    with pytest.raises(SourceError, match="no frame at 9 s"):
        open_source(path, start=Fraction(9))
    with pytest.raises(ArgumentError):
        open_source(path, start=Fraction(1), end=Fraction(1))


def test_part_begins_with_the_frame_that_stands_there(tmp_path: Path) -> None:
    path = animated(tmp_path / "a.png", duration=4000)
    with open_source(path, start=Fraction(5), end=Fraction(9)) as source:
        assert seconds(source) == [(0.0, 3.0), (3.0, 1.0)]
    with open_source(path, start=Fraction(10)) as source:
        assert seconds(source) == [(0.0, 2.0)]


def test_skip(tmp_path: Path) -> None:
    with open_source(animated(tmp_path / "a.webp")) as source:
        source.skip(2)
        (frame,) = source
    assert (frame.index, frame.time, tuple(frame.pixels[0, 0])) == (2, Fraction(4, 10), COLOURS[2])


def test_file_that_ends_early_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = np.random.default_rng(0)
    frames = [Image.fromarray(chance.integers(0, 256, (48, 64, 3), np.uint8)) for _ in range(3)]
    path = animated(tmp_path / "a.png", frames)
    path.write_bytes(path.read_bytes()[:-6000])  # noise: a frame has 9 kB
    with caplog.at_level(logging.WARNING), open_source(path) as source:
        assert len(list(source)) == 2
        assert source.ended_early == "0.4 of 1.4 s"
    assert "it ends after 2 of 3 frames" in caplog.text


def test_damage_of_a_gif_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = np.random.default_rng(0)
    frames = [Image.fromarray(chance.integers(0, 256, (48, 64, 3), np.uint8)) for _ in range(3)]
    whole = animated(tmp_path / "a.gif", frames).read_bytes()
    with open_source(tmp_path / "a.gif") as source:
        assert len(list(source)) == 3
    assert not caplog.records
    middle = len(whole) // 2
    for damaged, said in (
        (whole[: middle + 99], "a.gif ends early: frames after number 2 are missing"),
        (whole[:middle] + bytes(500) + whole[middle + 500 :], "a.gif is damaged after frame 2"),
    ):
        caplog.clear()
        (tmp_path / "a.gif").write_bytes(damaged)
        with open_source(tmp_path / "a.gif") as source:
            assert len(list(source)) >= 1
        assert said in caplog.text


@pytest.mark.parametrize("spec", ["g/", "g/*.gif", "g/*"])
def test_folder_of_animated_pictures_is_a_batch_of_films(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g").mkdir()
    names = ["1.gif", "2.gif"] if spec == "g/*.gif" else ["1.gif", "2.gif", "3.webp", "4.png"]
    for name in names:
        animated(tmp_path / "g" / name)
    jobs = plan([spec])
    assert [job.target for job in jobs] == [f"{Path(name).stem}-dream.mp4" for name in names]
    assert not any(job.stills for job in jobs)


def test_numbered_pictures_in_a_batch_have_the_name_of_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        pictures()[0].save(tmp_path / folder / "0001.png")
    jobs = plan(["one/%04d.png", "two/%04d.png"])
    assert [(job.target, job.stills, len(job.files)) for job in jobs] == [
        ("one-dream.mp4", False, 1),
        ("two-dream.mp4", False, 1),
    ]


def test_pictures_beside_animated_ones_are_taken_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g").mkdir()
    animated(tmp_path / "g" / "a.webp")
    for name in ("b.png", "c.gif"):
        animated(tmp_path / "g" / name, pictures()[:1])
    assert [(job.target, job.stills, len(job.files)) for job in plan(["g"])] == [
        ("a-dream.mp4", False, 1),
        ("g-dream/", True, 2),
    ]


DISPLAY_P3 = b"cICP" + bytes([12, 13, 0, 1])


def test_colors_of_a_png_are_those_of_all_its_frames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Display P3 (200, 40, 30) is (218, 0, 4) in sRGB: shared/cases/README.md."""
    frames = [Image.new("RGB", (8, 8), (200, 40, 30)) for _ in DELAYS]
    for index, frame in enumerate(frames):
        frame.putpixel((index, 0), (0, 0, 0))
    path = animated(tmp_path / "a.png", frames)
    data = path.read_bytes()
    tag = struct.pack(">I", 4) + DISPLAY_P3 + struct.pack(">I", zlib.crc32(DISPLAY_P3))
    path.write_bytes(data[:33] + tag + data[33:])
    with open_source(path) as source:
        shown = [frame.pixels[4, 4].astype(int) for frame in source]
    assert all(np.abs(color - (218, 0, 4)).max() <= 2 for color in shown)
    assert f"{path}: colours are converted from Display P3 to sRGB" in caplog.text
