"""Films with known cuts, and what the tests of the farm compare."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageFilter

from livedream.cli.main import main
from livedream.farm.workspace import Workspace, open_workspace

LENGTHS = (7, 20, 13, 31, 9, 17, 40, 11, 6, 25, 21)
"""Frames of each scene: ten cuts, at the sums of these."""
LOOK = ("--working-height", "64", "--steps", "1", "--layers", "fire5")
FFV1 = ("--codec", "ffv1")
WIDTH, HEIGHT = 192, 108
_TIME_BASE = Fraction(1, 90000)


def write_film(path: Path, lengths: Sequence[int] = LENGTHS, *, seed: int = 1) -> Path:
    """Write a film whose scenes have these numbers of frames, with variable frame rate and sound."""
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("libx264", 30)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.time_base = _TIME_BASE
        sound: Any = output.add_stream("aac", 48000)
        ticks = 0
        rng = np.random.default_rng(seed)
        for scene, length in enumerate(lengths):
            scenery = picture(rng)
            for number in range(length):
                shown = np.ascontiguousarray(scenery[abs(number % 40 - 20) :, abs(number % 80 - 40) :][:HEIGHT, :WIDTH])
                frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
                frame.pts, frame.time_base = ticks, _TIME_BASE
                output.mux(video.encode(frame))
                ticks += 3000 if scene % 3 != 1 else 2250 + 750 * (number % 3)
        output.mux(video.encode(None))
        count = int(ticks * _TIME_BASE * 48000)
        wave = (np.sin(np.arange(count) * 2 * np.pi * 440 / 48000) * 8000).astype(np.int16)
        for begin in range(0, count, 1024):
            block = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], format="s16", layout="mono")
            block.sample_rate, block.pts = 48000, begin
            output.mux(sound.encode(block))
        output.mux(sound.encode(None))
    return path


def picture(rng: np.random.Generator) -> np.ndarray:
    tiles = Image.fromarray(rng.integers(0, 255, (9, 15, 3), np.uint8))
    return np.asarray(tiles.resize((WIDTH + 40, HEIGHT + 20)).filter(ImageFilter.GaussianBlur(2)))


def frame_hashes(path: Path) -> list[tuple[int, str]]:
    """Return the time of each frame, in ticks of the file, and a hash of what FFmpeg decodes."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5"]
    lines = subprocess.run([*command, "-"], check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split(",") for line in lines if not line.startswith("#")]
    return [(int(each[2]), each[5].strip()) for each in fields]


def packets(path: Path, kind: str) -> list[tuple[int | None, int | None, str]]:
    """Return pts, duration and a hash of the content of each packet of the first track of a kind, in their order."""
    with av.open(str(path)) as file:
        (track, *_) = getattr(file.streams, kind)
        return sorted(
            (packet.pts, packet.duration, hashlib.md5(bytes(packet), usedforsecurity=False).hexdigest())
            for packet in file.demux(track)
            if packet.size
        )


def times(path: Path) -> list[tuple[int | None, int | None]]:
    """Return pts and duration of each packet of the picture, in the order of their times."""
    return [(pts, duration) for pts, duration, _ in packets(path, "video")]


def planned(
    folder: Path, *films: Path, seconds: str = "1", options: Sequence[str] = (), pattern: str = "*.mkv"
) -> Workspace:
    """Plan films as `livedream plan` does, and return the manifest."""
    named = map(str, films)
    words = ["-q", "plan", *named, "--to", str(folder / pattern), "--seconds", seconds, *LOOK, *options]
    assert main(words) == 0
    return open_workspace(str(folder))


def shard_command(work: Workspace, number: int) -> list[str]:
    """Return the command that dreams a shard, as a process of its own."""
    assert work.store.folder is not None
    manifest = work.store.folder / work.name
    return [sys.executable, "-m", "livedream", "run", "--manifest", str(manifest), "--shard", str(number)]
