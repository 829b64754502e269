"""Colours of films: tags of the bitstream and of the container, primaries, untagged films, HDR, Dolby Vision."""

import logging
import re
import struct
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from livedream.capture.video import VideoSource
from livedream.color.primaries import BT709, D65, FOREIGN, to_xyz
from livedream.color.srgb import matrix_profile
from livedream.errors import SourceError
from tests.films import RED, ffprobe

LOSSLESS = {".mp4": ("libx264", "-qp", "1"), ".mkv": ("ffv1",), ".avi": ("mjpeg", "-q:v", "1")}
UNTAGGED = "setparams=color_primaries=unknown:color_trc=unknown:colorspace=unknown:range=unknown"
WIDE = ("-color_primaries", "bt2020", "-color_trc", "bt709", "-colorspace", "bt2020nc", "-movflags", "write_colr")
PQ = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-movflags", "write_colr")


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def make(
    path: Path,
    how: str,
    *codec: str,
    pix_fmt: str = "yuv420p10le",
    size: str = "64x48",
    after: str = "null",
    n: int = 1,
) -> Path:
    """Write a film of RED that zimg converts as `how` says, and then tags as `after` says."""
    rgb = "format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc"
    picture = f"color=0xC8281E:s={size}:r=25:d={n / 25}"
    codec = codec or LOSSLESS[path.suffix]
    filters = f"{rgb},zscale={how},format={pix_fmt},{after}"
    ffmpeg("-f", "lavfi", "-i", picture, "-vf", filters, "-c:v", *codec, path)
    return path


def color(path: Path) -> tuple[int, ...]:
    with VideoSource(path) as source:
        return tuple(next(iter(source)).pixels[source.size[1] // 2, source.size[0] // 2].tolist())


def near(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 2) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


# Primaries -----------------------------------------------------------------------------------------------------------


def test_matrix_from_bt2020_is_that_of_the_standard() -> None:
    matrix = np.linalg.inv(to_xyz(BT709, D65)) @ to_xyz(FOREIGN[9][1], D65)
    wanted = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]  # ITU-R BT.2407
    assert np.abs(matrix - wanted).max() < 1e-4


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("transfer", ["709", "iec61966-2-1"])
@pytest.mark.parametrize(
    ("primaries", "matrix", "name"),
    [("bt2020", "2020_ncl", "BT.2020"), ("smpte432", "709", "Display P3"), ("smpte431", "709", "DCI-P3")],
)
def test_primaries_are_converted(
    primaries: str, matrix: str, name: str, transfer: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """zimg has made it: what is shown must be what zimg was given, in 24 colours over all of the range."""
    colors = np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8)
    colors[0] = RED, (255, 255, 255), (0, 0, 0), (128, 128, 128), (10, 10, 10), (255, 0, 0)
    pixels = colors.repeat(8, axis=0).repeat(8, axis=1)
    film = tmp_path / "film.mkv"
    curve = "bt709" if transfer == "709" else transfer
    tags = f"setparams=color_primaries=bt709:color_trc={curve}:colorspace=gbr:range=pc"
    filters = f"format=gbrp,{tags},zscale=p={primaries}:t={transfer}:m={matrix}:r=limited,format=yuv444p12le"
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "48x32", "-r", "25", "-i", "-"]
    subprocess.run([*command, "-vf", filters, "-c:v", "ffv1", film], input=pixels.tobytes(), check=True)
    with VideoSource(film) as source, caplog.at_level(logging.WARNING):
        shown = next(iter(source)).pixels[4::8, 4::8].astype(int)
    # A gamma of 2.4 is so steep at black that one step of 12 bits in one colour is 6 levels of the darkest other.
    assert np.abs(shown - colors)[colors.min(axis=2) > 8].max() <= 1
    assert np.abs(shown - colors).max() <= 6
    assert caplog.messages == [f"{film}: colours are converted from {name} to BT.709"]


@pytest.mark.needs_ffmpeg
def test_primaries_close_to_bt709_are_left(tmp_path: Path) -> None:
    film = make(tmp_path / "film.mkv", "m=170m:r=limited", after="setparams=color_primaries=smpte170m")
    assert ffprobe(film, "v", "stream=color_primaries") == [{"color_primaries": "smpte170m"}]
    assert near(color(film), RED)


# Tags of the container -----------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffixes"),
    [
        (("libx264", "-qp", "1"), "yuv420p10le", (".mp4", ".mov", ".mkv")),
        (("libx265", "-x265-params", "log-level=none:crf=1"), "yuv420p10le", (".mp4", ".mov", ".mkv")),
        (("libvpx-vp9", "-lossless", "1"), "yuv420p10le", (".webm",)),
        (("prores_ks",), "yuv422p10le", (".mov",)),
    ],
    ids=["h264", "h265", "vp9", "prores"],
)
def test_tags_of_the_container_count_where_the_bitstream_has_none(
    codec: tuple[str, ...], pix_fmt: str, suffixes: tuple[str, ...], tmp_path: Path
) -> None:
    bare = tmp_path / f"bare{suffixes[0]}"
    make(bare, "p=2020:t=709:m=2020_ncl:r=limited", *codec, pix_fmt=pix_fmt, after=UNTAGGED)
    assert near(color(bare), (161, 69, 47), 3)  # as everybody shows it, for nothing says what it is
    for suffix in suffixes:
        film = tmp_path / f"tagged{suffix}"
        ffmpeg("-i", bare, "-c", "copy", *WIDE, film)
        assert near(color(film), RED)


@pytest.mark.needs_ffmpeg
def test_bitstream_wins_where_the_container_contradicts(tmp_path: Path) -> None:
    bare = make(tmp_path / "bare.mp4", "m=709:r=limited", after=UNTAGGED)
    tags = "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1"
    film = tmp_path / "film.mp4"
    ffmpeg("-i", bare, "-c", "copy", "-bsf:v", tags, *WIDE, film)
    assert near(color(film), RED)


@pytest.mark.needs_ffmpeg
def test_hdr_is_mapped_by_tags_of_the_container_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    how, codec = "p=2020:t=smpte2084:m=2020_ncl:r=limited:npl=203", ("libx265", "-x265-params", "log-level=none:crf=1")
    bare = make(tmp_path / "bare.mp4", how, *codec, after=UNTAGGED)
    film = tmp_path / "film.mov"
    ffmpeg("-i", bare, "-c", "copy", *PQ, film)
    with caplog.at_level(logging.WARNING):
        assert near(color(film), (139, 43, 24))  # as FFmpeg 8.1 maps it where the bitstream is tagged
    assert f"{film}: HDR (PQ) is mapped to the range of an ordinary screen" in caplog.messages


@pytest.mark.needs_ffmpeg
def test_tags_hold_for_interlaced_film_too(tmp_path: Path) -> None:
    codec = ("libx264", "-qp", "1", "-flags", "+ildct+ilme")
    bare = tmp_path / "bare.mp4"
    make(bare, "p=2020:t=709:m=2020_ncl:r=limited", *codec, after=f"{UNTAGGED}:field_mode=tff", n=4)
    film = tmp_path / "film.mp4"
    ffmpeg("-i", bare, "-c", "copy", *WIDE, film)
    assert near(color(film), RED)


@pytest.mark.needs_ffmpeg
def test_profile_of_a_mov_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = tmp_path / "film.mov"
    ffmpeg("-f", "lavfi", "-i", "color=0xC8281E:s=64x48:r=25:d=0.08", "-vf", "format=rgb24", "-c:v", "png", film)
    icc = matrix_profile("Display P3", FOREIGN[12][1])
    film.write_bytes(with_box(film.read_bytes(), b"png ", b"colr", b"prof" + icc))
    with caplog.at_level(logging.WARNING):
        assert near(color(film), (218, 0, 4), 3)
    assert caplog.messages == [f"{film}: colours are converted from Display P3 to sRGB"]


# No tags at all ------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        ("1280x720", "709"),
        ("720x1280", "709"),
        ("960x720", "709"),
        ("1280x544", "709"),
        ("720x576", "170m"),
        ("640x480", "170m"),
    ],
)
def test_matrix_of_an_untagged_film_is_that_of_its_size(size: str, matrix: str, tmp_path: Path) -> None:
    how = f"m={matrix}:r=limited"
    assert near(color(make(tmp_path / "film.mp4", how, pix_fmt="yuv420p", size=size, after=UNTAGGED)), RED)


@pytest.mark.needs_ffmpeg
def test_mjpeg_is_bt601_whatever_its_size(tmp_path: Path) -> None:
    film = make(tmp_path / "film.avi", "m=170m:r=full", pix_fmt="yuvj420p", size="1280x720")
    assert near(color(film), RED)


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("codec", [("libx264rgb", "-qp", "0"), ("ffv1",), ("rawvideo",)], ids=lambda codec: codec[0])
@pytest.mark.parametrize("pix_fmt", ["gbrp", "bgr0", "rgb24"])
def test_rgb_is_left_alone(codec: tuple[str, ...], pix_fmt: str, tmp_path: Path) -> None:
    film = tmp_path / "film.nut"
    picture = "color=0xC8281E:s=1280x720:r=25:d=0.04,format=gbrp"
    ffmpeg("-f", "lavfi", "-i", picture, "-vf", f"format={pix_fmt}", "-c:v", *codec, film)
    assert near(color(film), RED, 1)


@pytest.mark.needs_ffmpeg
def test_matrix_that_nothing_converts_is_refused(tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", "m=709:r=limited", after=f"{UNTAGGED},setparams=colorspace=ictcp")
    with pytest.raises(SourceError, match="its colours are coded as ICtCp, which cannot be converted here"):
        VideoSource(film)


# Mid-stream ----------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
def test_tags_and_pixels_may_change_in_mid_stream(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    codec = ("libx265", "-x265-params")
    sdr = make(
        tmp_path / "sdr.ts", "m=709:r=limited", *codec, "log-level=none:crf=1:colormatrix=bt709", pix_fmt="yuv420p"
    )
    bits = "log-level=none:crf=1:colorprim=bt2020:transfer=bt709:colormatrix=bt2020nc"
    wide = make(tmp_path / "wide.ts", "p=2020:t=709:m=2020_ncl:r=limited", *codec, bits)
    bits = "log-level=none:crf=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    hdr = make(tmp_path / "hdr.ts", "p=2020:t=smpte2084:m=2020_ncl:r=limited:npl=203", *codec, bits)
    film = tmp_path / "film.ts"
    film.write_bytes(b"".join(part.read_bytes() for part in (sdr, wide, hdr, sdr)))
    with VideoSource(film) as source, caplog.at_level(logging.WARNING):
        shown = [tuple(frame.pixels[24, 32].tolist()) for frame in source]
    assert len(shown) == 4
    assert near(shown[0], RED)
    assert near(shown[1], RED)
    assert near(shown[2], (139, 43, 24))
    assert near(shown[3], RED)
    assert f"{film}: HDR (PQ) is mapped to the range of an ordinary screen" in caplog.messages


# Dolby Vision --------------------------------------------------------------------------------------------------------


def with_box(mp4: bytes, entry: bytes, name: bytes, content: bytes) -> bytes:
    """Append a box to a sample entry of an mp4 whose index comes last."""
    film, box = bytearray(mp4), struct.pack(">I4s", 8 + len(content), name) + content
    at = film.rindex(entry) - 4
    end = at + int.from_bytes(film[at : at + 4], "big")
    above = [film.rindex(one, 0, at) - 4 for one in (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov")]
    for place in (at, *above):
        size = int.from_bytes(film[place : place + 4], "big") + len(box)
        film[place : place + 4] = size.to_bytes(4, "big")
    film[end:end] = box
    return bytes(film)


def record(profile: int, compatible: int) -> bytes:
    """Dolby's configuration record: version 1.0, level 1, with RPU and base layer."""
    return struct.pack(">BBHB19x", 1, 0, profile << 9 | 1 << 3 | 0b101, compatible << 4)


@pytest.fixture(scope="module")
def hevc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = tmp_path_factory.mktemp("dolby") / "film.mp4"
    codec = ("libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1")
    return make(film, "m=170m:r=limited", *codec, after=UNTAGGED)


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("profile", "compatible", "box", "refused"),
    [
        (5, 0, b"dvcC", True),
        (10, 0, b"dvvC", True),
        (4, 2, b"dvcC", False),
        (7, 6, b"dvcC", False),
        (8, 1, b"dvvC", False),
        (8, 4, b"dvvC", False),
    ],
)
def test_dolby_vision_without_a_common_base_is_refused(
    profile: int, compatible: int, box: bytes, refused: bool, suffix: str, hevc: Path, tmp_path: Path
) -> None:
    mp4, film = tmp_path / "film.mp4", tmp_path / f"film{suffix}"
    mp4.write_bytes(with_box(hevc.read_bytes(), b"hvc1", box, record(profile, compatible)))
    if suffix == ".mkv":
        ffmpeg("-i", mp4, "-c", "copy", "-strict", "-2", film)
    if not refused:
        assert near(color(film), RED, 4)
        return
    with pytest.raises(SourceError, match=re.escape(f"{film} is Dolby Vision without a base layer for other players")):
        VideoSource(film)


@pytest.mark.needs_ffmpeg
def test_dolby_vision_is_known_by_its_name_alone(hevc: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(hevc.read_bytes().replace(b"hvc1", b"dvh1"))
    with pytest.raises(SourceError, match="is Dolby Vision"):
        VideoSource(film)


def rpu(profile: int, *, full_range: bool) -> bytes:
    """Dolby's metadata for one picture (ETSI GS CCM 001, 5.3): no display metadata, each colour mapped to itself."""

    def golomb(number: int) -> str:
        bits = f"{number + 1:b}"
        return "0" * (len(bits) - 1) + bits

    bits = f"{2:06b}{0x12:011b}{profile:04b}{1:04b}" + "1" + "0" + "00" + golomb(23) + "01" + str(int(full_range))
    bits += golomb(2) + golomb(2) + golomb(4) + "0" + "000" + "0" + "1"  # 10, 10 and 12 bits; no second layer
    bits += "0" + "0" + golomb(0) * 3
    bits += (golomb(0) + f"{0:010b}{1023:010b}") * 3 + golomb(0) * 2
    bits += (golomb(0) * 2 + "0" + golomb(0) + "0" * 23 + golomb(1) + "0" * 23) * 3
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    crc = 0xFFFFFFFF
    for byte in body:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 * (crc >> 31)) & 0xFFFFFFFF
    data = b"\x19" + body + crc.to_bytes(4, "big") + b"\x80"
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)  # so that it holds no start code


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize(("profile", "full_range", "refused"), [(0, True, True), (1, False, False)])
def test_dolby_vision_is_known_by_the_bitstream_alone(
    profile: int, full_range: bool, refused: bool, hevc: Path, tmp_path: Path
) -> None:
    film = tmp_path / "film.hevc"
    ffmpeg("-i", hevc, "-c", "copy", "-bsf:v", "hevc_mp4toannexb", film)
    stream = b""
    for unit in re.split(b"\0\0\0?\1", film.read_bytes())[1:]:
        stream += b"\0\0\0\1" + unit
        if unit[0] >> 1 & 63 < 32:  # a slice
            stream += b"\0\0\0\1\x7c\1" + rpu(profile, full_range=full_range)
    film.write_bytes(stream)
    with av.open(str(film)) as container:
        picture = next(container.decode(video=0))
        assert "DOVI_METADATA" in [side.type.name for side in picture.side_data]  # type: ignore[attr-defined]  # FFmpeg has understood it
    if refused:
        with pytest.raises(SourceError, match="is Dolby Vision"):
            VideoSource(film)
    else:
        assert near(color(film), RED, 4)
