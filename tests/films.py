"""Films and pictures to test with, made by hand so that what they hold is known, and what ffprobe says of them."""

import livedream  # noqa: F401, I001  first: cv2 must come before av

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RED, GREEN, BLUE, WHITE = (200, 40, 30), (30, 180, 60), (40, 60, 210), (235, 235, 235)


def quarters(size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A picture of four colours: red and green above, blue and white below. No turn or mirror leaves it as it is."""
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = WHITE
    return pixels


def corners(pixels: np.ndarray) -> list[str]:
    """The names of the four colours of a picture: above left, above right, below left, below right."""
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    height, width = pixels.shape[:2]
    found = []
    for y, x in ((height // 4, width // 4), (height // 4, width * 3 // 4), (height * 3 // 4, width // 4)):
        found.append(min(names, key=lambda name: np.abs(pixels[y, x].astype(int) - names[name]).sum()))
    y, x = height * 3 // 4, width * 3 // 4
    found.append(min(names, key=lambda name: np.abs(pixels[y, x].astype(int) - names[name]).sum()))
    return found


UPRIGHT = ["red", "green", "blue", "white"]


def write_film(
    path: Path,
    ticks: list[int],
    *,
    time_base: Fraction = Fraction(1, 1000),
    rate: Fraction | int = 25,
    pixels: np.ndarray | None = None,
    pix_fmt: str = "yuv420p",
    matrix: int = 1,
    color_range: int = 1,
    codec: str = "libx264",
    gop: int = 250,
    rotation: tuple[float, bool, bool] | None = None,
    aspect: Fraction | None = None,
    sound: str | None = None,
    sound_seconds: float = 1.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a film with a frame at each of `ticks`, in `time_base`.

    rotation: degrees, mirrored, upside down, as PyAV's set_display_rotation takes them. sound: the name of an encoder.
    """
    pixels = quarters() if pixels is None else pixels
    with av.open(str(path), "w", container_options=options or {}) as film:
        stream = film.add_stream(codec, rate=Fraction(rate))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = pix_fmt
        stream.options = {"crf": "1"} if codec == "libx264" else {}
        context = stream.codec_context
        context.time_base = time_base
        context.gop_size = gop
        context.colorspace, context.color_range = matrix, color_range
        context.color_primaries = context.color_trc = 1
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(*rotation)
        tone = film.add_stream(sound, rate=48000) if sound else None
        for tick in ticks:
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture = picture.reformat(format=pix_fmt, dst_colorspace=matrix, dst_color_range=color_range)
            picture.pts, picture.time_base = tick, time_base
            film.mux(stream.encode(picture))
        film.mux(stream.encode())
        if tone is not None:
            assert isinstance(tone, av.AudioStream)
            with av.open(f"sine=sample_rate=48000:duration={sound_seconds}", format="lavfi") as sine:
                for samples in sine.decode(audio=0):
                    film.mux(tone.encode(samples))
            film.mux(tone.encode())
    return path


def read_film(path: Path) -> list[tuple[Fraction, np.ndarray]]:
    """Times and RGB pixels of a film, by PyAV alone."""
    with av.open(str(path)) as film:
        return [(seconds(frame), frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]


def seconds(frame: av.VideoFrame) -> Fraction:
    """Return the time of a decoded frame."""
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def ffprobe(path: Path, streams: str, entries: str, *options: str) -> list[dict[str, Any]]:
    """What ffprobe says: `entries` as `stream=width,height` or `packet=pts_time`, a dict for each."""
    command = ["ffprobe", "-v", "error", *options, "-select_streams", streams, "-show_entries", entries, "-of", "json"]
    answer = subprocess.run([*command, str(path)], capture_output=True, check=True)
    return json.loads(answer.stdout)[f"{entries.partition('=')[0]}s"]


def ffmpeg_pixels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """The first frame as ffmpeg shows it: upright, RGB; exactly, for its quick way is up to 4 levels too dark."""
    exact = ["-vf", "scale=flags=accurate_rnd+full_chroma_int+bitexact", "-pix_fmt", "rgb24"]
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", *exact, "-f", "rawvideo", "-"]
    answer = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(answer.stdout, np.uint8).reshape(size[1], size[0], 3)


def write_subtitled(path: Path) -> Path:
    """Write a film of 1 s without sound, with one text from 0.2 to 0.7 s."""
    cues = path.with_suffix(".srt")
    cues.write_text("1\n00:00:00,200 --> 00:00:00,700\nHello\n\n")
    words = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:d=1", "-i", str(cues), "-c:s", "srt"]
    subprocess.run(["ffmpeg", "-v", "error", *words, str(path)], check=True)
    return path
