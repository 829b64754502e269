"""Unusual and faulty videos: damaged files, odd rates, sizes and pixel formats, and what is said about them.

The clips are made here. The expected values are what was written into them, or what ffprobe and ffmpeg report. Not
tested:

- A video that states 0 fps: no muxer of FFmpeg writes it; for videos without a rate see
  tests/capture/decoding/test_timestamps.py. The same holds for missing and backward times.
- Grey video of limited range: FFmpeg 5 reads it as limited with 10 bits and as full with 8, FFmpeg 8 as full with both.
- 8K: a frame of it takes seconds here, so only the limit is tested, with a smaller value.
- A video of 10 hours: test_memory_is_flat, marked soak, takes ten minutes. A file that still grows is read up to its
  present end, like a truncated file.
- Suspending the computer, DirectShow and Media Foundation on Windows, and the camera permission of macOS.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.capture import container_source
from livedream.capture.open import open_source
from livedream.cli.main import main
from livedream.errors import ArgumentError, SourceError
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.films import av, corners, ffmpeg_pixels, ffprobe, quarters, write_film

FORTY = list(range(0, 1600, 40))
LEVELS = 2
"""How far a colour may be from what ffmpeg shows."""


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def pass_through(path: Path, target: Path) -> Path:
    with open_source(path) as source, open_sink(target, StreamInfo.of(source)) as sink:
        for frame in source:
            sink.write(frame)
        sink.end()
    return target


# Files that are no film ----------------------------------------------------------------------------------------------


def _absent(path: Path) -> None:
    pass


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("Once upon a time there was a film.\n" * 100)


def _sound(path: Path) -> None:
    with av.open(str(path), "w") as film, av.open("sine=duration=0.2", format="lavfi") as sine:
        track = film.add_stream("aac", rate=44100)
        for samples in sine.decode(audio=0):
            film.mux(track.encode(samples))
        film.mux(track.encode())


def _encrypted(path: Path) -> None:
    key, name = "76a6c65c5ea762046bd749a2e632ccbb", "a7e61c373e219033c21091fa607bf3b8"
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": name}
    write_film(path, [0, 40], options=options)


def _without_moov(path: Path) -> None:
    content = write_film(path, FORTY).read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(_absent, "no such file", id="missing"),
        pytest.param(_folder, "no pictures in", id="folder"),
        pytest.param(_empty, "is empty", id="empty"),
        pytest.param(_text, "is not a video that FFmpeg can read", id="text"),
        pytest.param(_sound, "has sound but no video track", id="audio-only"),
        pytest.param(_encrypted, "is encrypted", id="encrypted"),
        pytest.param(_without_moov, "is cut off: its index (moov) is missing", id="truncated"),
    ],
)
@pytest.mark.filterwarnings("default")
def test_an_invalid_video_is_an_error_of_one_line(
    make: Callable[[Path], None],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("film.mp4"))
    assert main(["run", "film.mp4", "--to", "null"]) == 1
    error, hint = [line for line in capsys.readouterr().err.splitlines() if "damaged packets" not in line]
    assert error.startswith("error: ")
    assert reason in error
    assert "film.mp4" in error
    assert hint.startswith("hint: ")


def test_an_image_named_like_a_video_is_a_video_of_one_frame(tmp_path: Path) -> None:
    Image.fromarray(quarters()).save(tmp_path / "film.mp4", format="jpeg", quality=95)
    (frame,) = read(tmp_path / "film.mp4")
    assert corners(frame.pixels) == corners(quarters())


# Times ---------------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("ticks", "time_base", "rate"),
    [
        pytest.param([0, 33, 66, 133, 500, 501, 1500], Fraction(1, 1000), Fraction(25), id="variable"),
        pytest.param([1001 * n for n in range(30)], Fraction(1, 24000), Fraction(24000, 1001), id="23.976"),
        pytest.param([1001 * n for n in range(30)], Fraction(1, 30000), Fraction(30000, 1001), id="29.97"),
        pytest.param([1001 * n for n in range(30)], Fraction(1, 60000), Fraction(60000, 1001), id="59.94"),
        pytest.param(list(range(30)), Fraction(1, 1000), Fraction(1000), id="1000"),
        pytest.param([0], Fraction(1, 25), Fraction(25), id="one-frame"),
    ],
)
def test_times_are_carried_exactly(ticks: list[int], time_base: Fraction, rate: Fraction, tmp_path: Path) -> None:
    """As `ffprobe -show_entries packet=pts_time` has them, counted from where the film begins."""
    film = write_film(tmp_path / "film.mp4", ticks, time_base=time_base, rate=rate, sound="aac")
    dream = pass_through(film, tmp_path / "dream.mp4")
    told, shown = (
        sorted(float(packet["pts_time"]) for packet in ffprobe(path, "v", "packet=pts_time")) for path in (film, dream)
    )
    assert len(shown) == len(ticks)
    origin = min(0.0, *told)
    assert [time - origin for time in told] == pytest.approx(shown, abs=2e-6)  # ffprobe prints six digits
    sounds = [ffprobe(path, "a", "packet=pts_time,size") for path in (film, dream)]
    assert [packet["size"] for packet in sounds[0]] == [packet["size"] for packet in sounds[1]]
    ends = [float(packets[-1]["pts_time"]) - times[-1] for packets, times in zip(sounds, (told, shown), strict=True)]
    assert ends[0] == pytest.approx(ends[1], abs=0.001)


@pytest.mark.needs_ffmpeg
def test_frames_before_the_edit_list_are_not_shown(tmp_path: Path) -> None:
    """Its edit list begins the film at 0: `ffprobe -count_frames` reads three frames of five."""
    film = write_film(tmp_path / "film.mp4", [-80, -40, 0, 40, 80])
    assert len(ffprobe(film, "v", "frame=pts")) == 3
    assert [frame.time for frame in read(film)] == [0, Fraction(1, 25), Fraction(2, 25)]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(25)])
def test_rates_are_exact(rate: Fraction, tmp_path: Path) -> None:
    ticks = [rate.denominator * n for n in range(10)]
    with open_source(write_film(tmp_path / "f.mp4", ticks, time_base=Fraction(1, rate.numerator), rate=rate)) as source:
        assert source.rate == rate


def test_a_video_without_sound(tmp_path: Path) -> None:
    dream = pass_through(write_film(tmp_path / "film.mp4", FORTY), tmp_path / "dream.mp4")
    with av.open(str(dream)) as film:
        assert (len(film.streams.video), len(film.streams.audio)) == (1, 0)


def test_damage_in_the_middle_keeps_count_and_length(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", FORTY, gop=10)
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as whole:
        for packet in [packet for packet in whole.demux(video=0) if packet.size][12:18]:
            content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    film.write_bytes(content)
    assert [frame.time for frame in read(film)] == [Fraction(tick, 1000) for tick in FORTY]


# Shapes --------------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("degrees", "mirrored"),
    [
        pytest.param(degrees, mirrored, id=f"40-{degrees}{'-mirrored' * mirrored}")
        for degrees in (90, 180, 270)
        for mirrored in (False, True)
    ],
)
def test_rotation_is_applied_once(degrees: int, mirrored: bool, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0, 40], rotation=(degrees, mirrored, False))
    size = (64, 48) if degrees == 180 else (48, 64)
    dream = pass_through(film, tmp_path / "dream.mp4")
    (stream,) = ffprobe(dream, "v", "stream=width,height:stream_side_data=rotation")
    assert (stream["width"], stream["height"]) == size
    assert "side_data_list" not in stream
    assert corners(ffmpeg_pixels(dream, size)) == corners(ffmpeg_pixels(film, size))


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("size", "aspect", "codec"),
    [
        pytest.param((63, 47), None, "png", id="odd"),
        pytest.param((1, 48), None, "png", id="one-column"),
        pytest.param((64, 1), None, "png", id="one-row"),
        pytest.param((64, 48), Fraction(64, 45), "libx264", id="PAL-16:9"),
    ],
)
def test_odd_sizes_and_pixel_aspect_ratios(
    size: tuple[int, int], aspect: Fraction | None, codec: str, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pix_fmt = "rgb24" if codec == "png" else "yuv420p"
    film = write_film(tmp_path / "film.mov", [0, 40], pixels=pixels, codec=codec, pix_fmt=pix_fmt, aspect=aspect)
    assert read(film)[0].size == size
    if codec == "png":
        assert np.array_equal(read(film)[0].pixels, pixels)
    (stream,) = ffprobe(pass_through(film, tmp_path / "out.mp4"), "v", "stream=width,height,sample_aspect_ratio")
    assert (stream["width"], stream["height"]) == tuple(side + side % 2 for side in size)
    if aspect is not None:
        assert stream["sample_aspect_ratio"] == f"{aspect.numerator}:{aspect.denominator}"


def test_too_large_is_refused_with_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = write_film(tmp_path / "film.mp4", [0])
    monkeypatch.setattr(container_source, "MAX_PIXELS", 3 * 10**3)
    with pytest.raises(SourceError, match="frames of 64x48 are too large"):
        open_source(film)


def test_size_changes_in_the_middle(tmp_path: Path) -> None:
    parts = [write_film(tmp_path / f"{side}.ts", [0, 40], pixels=quarters((side, side))) for side in (64, 96)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read(joined)
    assert [frame.size for frame in frames] == [(64, 64)] * 4
    assert corners(frames[-1].pixels) == corners(quarters())


# Colours -------------------------------------------------------------------------------------------------------------

COLOURS = [
    (matrix, color_range, pix_fmt)
    for matrix in (1, 5, 9)
    for color_range in (1, 2)
    for pix_fmt in ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le")
]
MATRICES = {1: "709", 5: "601", 9: "2020"}


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("matrix", "color_range", "pix_fmt"),
    [
        pytest.param(*colour, id=f"42-BT.{MATRICES[colour[0]]}-{['', 'limited', 'full'][colour[1]]}-{colour[2]}")
        for colour in COLOURS
    ],
)
def test_colours_are_those_of_ffmpeg(matrix: int, color_range: int, pix_fmt: str, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", [0], pix_fmt=pix_fmt, matrix=matrix, color_range=color_range)
    flat = np.s_[6:14, 8:20]  # at the borders of the colours it depends on how chroma is made larger
    pixels = read(film)[0].pixels[flat].astype(int)
    assert np.abs(pixels - ffmpeg_pixels(film, (64, 48))[flat]).max() <= LEVELS


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        pytest.param("ffv1", "gray", "film.mkv", id="grey"),
        pytest.param("ffv1", "gray10le", "film.mkv", id="grey-10-bit"),
        pytest.param("ffv1", "yuv444p16le", "film.mkv", id="16-bit"),
        pytest.param("ffv1", "gbrp10le", "film.mkv", id="RGB-10-bit"),
        pytest.param("prores_ks", "yuv422p10le", "film.mov", id="ProRes"),
        pytest.param("ffv1", "bgra", "film.mkv", id="alpha"),
        pytest.param("ffv1", "yuva420p", "film.mkv", id="YUV-alpha"),
    ],
)
def test_other_pixel_formats_are_as_ffmpeg_shows_them(codec: str, pix_fmt: str, name: str, tmp_path: Path) -> None:
    film = write_film(tmp_path / name, [0], codec=codec, pix_fmt=pix_fmt, color_range=1 + pix_fmt.startswith("gray"))
    flat = np.s_[6:14, 8:20]
    pixels = read(film)[0].pixels[flat].astype(int)
    assert np.abs(pixels - ffmpeg_pixels(film, (64, 48))[flat]).max() <= LEVELS


# Without bframes=0, the dts of the first two packets is chance (x265 4.2 reads a field that it never set).
LOSSLESS = "log-level=none:lossless=1:bframes=0"


def hdr_ramp(path: Path, trc: int, signal: list[float]) -> Path:
    """A film of grey bars of 16 columns, of the given signals (0 to 1), in BT.2020 of 10 bits."""
    row = np.repeat([round(64 + 876 * level) for level in signal], 16).astype(np.uint16)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx265", rate=25, options={"x265-params": LOSSLESS})
        stream.width, stream.height, stream.pix_fmt = len(row), 48, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, trc, 9, 1
        picture = av.VideoFrame(len(row), 48, "yuv420p10le")
        for plane, levels in zip(picture.planes, (row, *[np.full(len(row) // 2, 512, np.uint16)] * 2), strict=True):
            lines = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            lines[:, : len(levels)] = levels
            plane.update(lines.tobytes())
        film.mux(stream.encode(picture))
        film.mux(stream.encode())
    return path


# SMPTE ST 2084 of 0, 1, 10, 50, 100, 203, 400, 1000, 10000 nits, and HLG of 0, 1/12, 1/4, 1/2, 3/4, 1, rounded.
PQ = [0.0, 0.150, 0.300, 0.440, 0.508, 0.581, 0.652, 0.752, 1.0]
HLG = [0.0, 0.5, 0.738, 0.872, 0.946, 1.0]


@pytest.mark.parametrize(("trc", "signal"), [pytest.param(16, PQ, id="HDR-PQ"), pytest.param(18, HLG, id="HDR-HLG")])
def test_hdr_is_mapped_to_the_range_of_a_screen(trc: int, signal: list[float], tmp_path: Path) -> None:
    """Black stays black, the peak is white, nothing between them is lost, and grey stays grey."""
    shown = read(hdr_ramp(tmp_path / "film.mkv", trc, signal))[0].pixels[20, 8::16].astype(int)
    assert np.ptp(shown, axis=1).max() <= LEVELS
    grey = shown[:, 1]
    assert grey[0] <= LEVELS
    assert grey[-1] >= 253
    assert np.diff(grey).min() >= 5
    if trc == 16:
        assert 140 <= grey[5] <= 200  # 203 nits, the white of paper (ITU-R BT.2408)


def test_interlaced_video_shows_no_combing(tmp_path: Path) -> None:
    """A bar that moves eight columns from field to field: after that, its left edge is the same on all lines."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=25, options={"crf": "1", "x264-params": "tff=1"})
        stream.width, stream.height, stream.pix_fmt = 128, 48, "yuv420p"
        for index in range(5):
            pixels = np.zeros((48, 128, 3), np.uint8)
            for field in (0, 1):
                left = 8 * (2 * index + field)
                pixels[field::2, left : left + 24] = 255
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            film.mux(stream.encode(picture))
        film.mux(stream.encode())
    with av.open(str(path)) as film:
        combed = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    frames = read(path)
    assert len(frames) == 5
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(5)]
    for comb, frame in zip(combed[1:-1], frames[1:-1], strict=True):
        assert comb_strength(frame.pixels[:, :, 1]) < comb_strength(comb) / 4


def comb_strength(grey: np.ndarray) -> float:
    lines = grey[4:-4].astype(float)
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean())


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=f"47-{what}")
        for what, name in {
            "spaces": "a b .mp4",
            "unicode": "tränen-映画.mp4",
            "quotes": 'it\'s "q".mp4',
            "colon": "a:b.mp4",
            "long": "x" * 240 + ".mp4",
        }.items()
    ],
)
def test_unusual_file_names_are_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_film(Path("film.mp4"), [0, 40]).rename(name)
    assert len(read(Path(name))) == 2


def test_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ArgumentError):
        open_source("ftp://host/film.mp4")


# The whole way -------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
def test_strength_0_passes_the_film_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Colours as `ffmpeg -pix_fmt rgb24` shows the source, within two levels; times and sound as ffprobe has them."""
    monkeypatch.chdir(tmp_path)
    ticks = [0, 40, 80, 140, 160, 240, 280, 320]
    film = write_film(Path("film.mkv"), ticks, sound="aac", sound_seconds=0.36)
    assert main(["run", "film.mkv", "--to", "same.mkv", "--codec", "ffv1", "--strength", "0"]) == 0, capsys.readouterr()
    difference = ffmpeg_pixels(Path("same.mkv"), (64, 48)).astype(int) - ffmpeg_pixels(film, (64, 48))
    assert np.abs(difference[6:14, 8:20]).max() <= LEVELS
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(read(film), read(Path("same.mkv")), strict=True))
    times = [ffprobe(path, "v", "packet=pts_time") for path in (film, Path("same.mkv"))]
    assert sorted(float(p["pts_time"]) for p in times[0]) == sorted(float(p["pts_time"]) for p in times[1])
    sounds = [ffprobe(path, "a", "packet=pts_time,size,data_hash") for path in (film, Path("same.mkv"))]
    assert sounds[0] == sounds[1]


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_memory_is_flat(tmp_path: Path) -> None:
    """Ten minutes of 1280x720: what the process holds after the last minute is what it held after the first."""
    film = long_film(tmp_path / "long.mp4", seconds=600)
    resident = []
    with open_source(film) as source, open_sink("null", StreamInfo.of(source)) as sink:
        for frame in source:
            sink.write(frame)
            if frame.index % 1500 == 1499:  # every minute
                resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
        assert sink.count == 15000  # type: ignore[attr-defined]
    assert max(resident[1:]) - resident[0] < 16, f"resident MiB after each minute: {resident}"


def long_film(path: Path, *, seconds: int) -> Path:
    """A film of 1280x720 and 25 frames a second: the same four seconds over and over."""
    with av.open(str(path), "w") as film, av.open("testsrc2=size=1280x720:rate=25", format="lavfi") as pattern:
        stream = film.add_stream("libx264", rate=25, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        packets = []
        for index, picture in zip(range(100), pattern.decode(video=0), strict=False):
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            packets += [(bytes(p), p.is_keyframe) for p in stream.encode(picture)]
        packets += [(bytes(p), p.is_keyframe) for p in stream.encode()]
        for index in range(25 * seconds):
            content, is_key = packets[index % len(packets)]
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), is_key
            packet.pts = packet.dts = index
            film.mux(packet)
    return path
