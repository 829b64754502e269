"""Damaged films and pictures of every kind, put through `livedream run` in batches: for test_fuzz.py.

`python -m tests.cli.fuzz [COUNT [SEED]]` makes COUNT of them (300), runs them and prints what became of them.
"""

import livedream  # noqa: F401, I001  first: cv2 must come before av

import contextlib
import random
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_jxl  # noqa: F401  lets Pillow write JPEG XL
from PIL import Image

from tests.heic import grid_heic

CASES = 300
FRAMES = 12
AT_ONCE = 100
"""Damaged files in a batch; a process takes seconds to start."""
SILENCE_SECONDS = 90
"""After so long without a word a run hangs. A film takes a fraction of a second on an idle core."""
SETTINGS = ["--working-height", "32", "--octaves", "1", "--still-steps", "1", "--still-height", "32"]

FILMS = {
    ".mp4": ("libx264", "aac"),
    ".mkv": ("libx264", "libopus"),
    ".webm": ("libvpx-vp9", "libopus"),
    ".avi": ("mpeg4", "libmp3lame"),
    ".ts": ("mpeg2video", "mp2"),
    ".mov": ("prores_ks", None),
    ".flv": ("flv", "aac"),
    ".ogv": ("libvpx", "libopus"),
}
"""What is in each kind of film: picture and sound."""
ANIMATED = (".gif", ".apng", "-film.webp")
KNOW_NO_LENGTH = (".ts",)
"""Cut between two packets, such a film is a shorter one."""
STILLS = (".png", ".jpg", ".webp", ".tif", ".bmp", ".ppm", ".tga", ".jp2", ".avif", ".heic", ".jxl")
KINDS = (*FILMS, *ANIMATED, *STILLS)
"""How the names end."""


# Damage ---------------------------------------------------------------------------------------------------------------


def flipped(content: bytearray, chance: random.Random, folder: Path, kind: str) -> None:
    """Some bits are wrong."""
    for _ in range(chance.choice([1, 10, 100])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def zeroed(content: bytearray, chance: random.Random, folder: Path, kind: str) -> None:
    """A stretch is zero, as after a crash of the file system."""
    place, length = _stretch(content, chance)
    content[place : place + length] = bytes(length)


def cut(content: bytearray, chance: random.Random, folder: Path, kind: str) -> None:
    """The end is missing."""
    del content[chance.randrange(len(content)) :]


def spliced(content: bytearray, chance: random.Random, folder: Path, kind: str) -> None:
    """It goes on as another file of its kind, from anywhere in that."""
    other = (folder / _whole("other", kind)).read_bytes()
    del content[chance.randrange(len(content)) :]
    content += other[chance.randrange(len(other)) :]


def extreme(content: bytearray, chance: random.Random, folder: Path, kind: str) -> None:
    """Numbers in the head or the index are as large, or as small, as they can be."""
    for _ in range(chance.choice([1, 3])):
        size = chance.choice([2, 4, 8])
        ends = chance.choice([64, 1024])
        place = chance.randrange(min(ends, len(content) - size))
        place = place if chance.random() < 0.7 else len(content) - size - place
        number = chance.choice(
            [b"\xff" * size, b"\0" * size, b"\x7f" + b"\xff" * (size - 1), b"\x80" + bytes(size - 1)]
        )
        content[place : place + size] = number


def misnamed(content: bytearray, chance: random.Random, folder: Path, kind: str) -> None:
    """It is a file of another kind than its name says."""
    other = chance.choice([each for each in KINDS if each != kind])
    content[:] = (folder / _whole("whole", other)).read_bytes()


DAMAGES = (flipped, zeroed, cut, spliced, extreme, misnamed)


def _stretch(content: bytearray, chance: random.Random) -> tuple[int, int]:
    length = chance.choice([16, 200, len(content) // 4])
    length = min(length, len(content) - 1)
    return chance.randrange(len(content) - length), length


# Files ----------------------------------------------------------------------------------------------------------------


def case(number: int) -> str:
    """The name of a damaged file, which says what was done to it."""
    damage = DAMAGES[number // len(KINDS) % len(DAMAGES)]
    return f"{number:03d}-{damage.__name__}{KINDS[number % len(KINDS)]}"


def kind_of(name: str) -> str:
    """Return which of KINDS the file called `name` is."""
    return max((kind for kind in KINDS if name.endswith(kind)), key=len)


def _whole(name: str, kind: str) -> str:
    """No two may have a stem in common: their dreams would."""
    return f"{name}-{kind[1:].replace('.', '-')}{kind}"


def make(folder: Path, number: int, seed: int = 0) -> Path:
    """Write a damaged file; with another seed other bytes of it are damaged."""
    path = folder / case(number)
    kind = kind_of(path.name)
    content = bytearray((folder / _whole("whole", kind)).read_bytes())
    DAMAGES[number // len(KINDS) % len(DAMAGES)](content, random.Random(1_000_000 * seed + number), folder, kind)
    path.write_bytes(content)
    return path


def write_whole(folder: Path) -> list[Path]:
    """Write a film or picture of each kind as it should be, and another one to splice with."""
    for shade, name in ((0, "whole"), (90, "other")):
        for suffix, (codec, sound) in FILMS.items():
            _write_film(folder / _whole(name, suffix), codec, sound, shade)
        pictures = [Image.fromarray(_pixels(number, shade)) for number in range(FRAMES)]
        for kind in ANIMATED:
            how: dict[str, Any] = {"format": "png"} if kind == ".apng" else {}
            film = folder / _whole(name, kind)
            pictures[0].save(film, save_all=True, append_images=pictures[1:], duration=40, loop=0, **how)
        for suffix in STILLS:
            picture = folder / _whole(name, suffix)
            if suffix == ".heic":  # the package that reads them writes none
                picture.write_bytes(grid_heic(quarter_turns=shade and 1))
            else:
                pictures[0].save(picture)
    return [folder / _whole("whole", kind) for kind in KINDS]


def _write_film(path: Path, codec: str, sound: str | None, shade: int) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        stream.codec_context.gop_size = 5
        tone = film.add_stream(sound, rate=48000 if sound == "libopus" else 44100) if sound else None
        for number in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(_pixels(number, shade), format="rgb24")
            picture.pts = number
            film.mux(stream.encode(picture))
        film.mux(stream.encode())
        if tone is not None:
            assert isinstance(tone, av.AudioStream)
            with av.open(f"sine=sample_rate={tone.rate}:duration={FRAMES / 25}", format="lavfi") as sine:
                for samples in sine.decode(audio=0):
                    film.mux(tone.encode(samples))
            film.mux(tone.encode())


def _pixels(number: int, shade: int) -> np.ndarray:
    """A gradient with a square that moves, 64x48."""
    ramp = np.linspace(0, 160, 64, dtype=np.uint8)
    pixels = np.stack([np.tile(ramp, (48, 1)), np.full((48, 64), shade, np.uint8), np.tile(ramp[::-1], (48, 1))], 2)
    pixels[8:24, 3 * number : 3 * number + 16] = 230
    return np.ascontiguousarray(pixels)


# Runs -----------------------------------------------------------------------------------------------------------------


@dataclass
class Result:
    """What became of a file."""

    name: str
    frames: int | None = None
    """How many were written; None where it failed."""
    said: list[str] = field(default_factory=list)
    """The lines on standard error that came while it was its turn."""
    trouble: str = ""
    """`hang`, or the exit code of the process that it ended."""

    @property
    def tracebacks(self) -> list[str]:
        return [line for line in self.said if "Traceback" in line or "internal error" in line]

    @property
    def is_film(self) -> bool:
        return kind_of(self.name) not in STILLS

    @property
    def is_loss_unsaid(self) -> bool:
        """Whether frames are missing, or it failed, and nobody said a word about it."""
        counts = self.is_film and "misnamed" not in self.name and kind_of(self.name) not in KNOW_NO_LENGTH
        lost = self.frames is None or (counts and self.frames < FRAMES)
        return lost and not self.said


def run_all(folder: Path, names: list[str]) -> list[Result]:
    """Dream the files in batches, and go on behind one that ends or stops the process."""
    results = {name: Result(name) for name in names}
    left = list(names)
    while left:
        begun = _run(folder, left[:AT_ONCE], results)
        left = left[begun:]
    for result in results.values():
        result.frames = _written(folder / "out", result.name)
    return list(results.values())


def _run(folder: Path, names: list[str], results: dict[str, Result]) -> int:
    """Dream the files in one process; return how many had their turn."""
    command = [sys.executable, "-m", "livedream", "run", "-v", *names, "--to", "out/", *SETTINGS]
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=file)
        size, since = 0, time.monotonic()
        while process.poll() is None and time.monotonic() - since < SILENCE_SECONDS:
            time.sleep(0.05)
            if log.stat().st_size != size:
                size, since = log.stat().st_size, time.monotonic()
        hangs = process.poll() is None
        if hangs:
            process.kill()
        code = process.wait()
    now, begun = "", 0
    for line in log.read_text(errors="replace").splitlines():
        if found := re.fullmatch(r"info: \d+ of \d+: (.*)", line):
            now, begun = found[1], begun + 1
        elif now and not line.startswith(("hint: ", "info: ")):
            results[now].said.append(line)
        elif not now and not line.startswith(("space: ", "info: ")):
            raise AssertionError(f"the batch has not begun: {log.read_text()}")
    if hangs or code not in (0, 1):
        results[now].trouble = "hang" if hangs else f"exit code {code}"
    return begun if hangs or code not in (0, 1) else len(names)


def _written(folder: Path, name: str) -> int | None:
    """How many frames the dream of `name` has; None where there is none."""
    stem = Path(name).stem
    with contextlib.suppress(FileNotFoundError):
        return int(tomllib.loads((folder / f"{stem}-dream" / "recipe.toml").read_text())["livedream"]["frames"])
    if (folder / f"{stem}-dream.png").exists():
        return 1
    film = folder / f"{stem}-dream.mp4"
    if not film.exists():
        return None
    with av.open(str(film)) as dream:
        return sum(packet.size > 0 for packet in dream.demux(video=0))


def figures(results: list[Result]) -> str:
    """What is printed of them."""
    troubles = Counter(result.trouble for result in results if result.trouble)
    return (
        f"{len(results)} damaged files: {sum(result.frames is not None for result in results)} dreamt, "
        f"{sum(result.frames is None for result in results)} failed, "
        f"{sum(bool(result.tracebacks) for result in results)} tracebacks, "
        f"{troubles.pop('hang', 0)} hangs, {sum(troubles.values())} crashes, "
        f"{sum(result.is_loss_unsaid for result in results)} losses unsaid"
    )


def main() -> None:
    count, seed = (int(word) for word in [*sys.argv[1:], *[str(CASES), "0"][len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_whole(folder)
        results = run_all(folder, [make(folder, number, seed).name for number in range(count)])
        sys.stdout.write(f"{figures(results)}\n")
        for result in results:
            if result.tracebacks or result.trouble or result.is_loss_unsaid:
                sys.stdout.write(f"{result.name}: {result.frames} frames, {result.trouble} {result.said}\n")


if __name__ == "__main__":
    main()
