"""Films damaged in two hundred ways, and a program that reads each and writes what it got: for test_damage.py.

`python -m tests.capture.damage FOLDER FIRST STEP` makes and reads every STEP-th film from number FIRST on, and prints a
line of JSON for each. A decoder that crashes, or that hangs for ten seconds, ends this process and not the tests.
"""

import livedream  # noqa: F401, I001  first: cv2 must come before av

import json
import random
import signal
import sys
import traceback
from fractions import Fraction
from pathlib import Path

from livedream.capture.open import open_source
from livedream.errors import LivedreamError
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.films import write_film

CASES = 200
SECONDS = 10
FRAMES = 36
KINDS = {
    ".mp4": ("libx264", "aac"),
    ".mkv": ("libx264", "libopus"),
    ".avi": ("mpeg4", "libmp3lame"),
    ".ts": ("mpeg2video", "mp2"),
}
"""What is in each container: picture and sound."""


def case(number: int) -> str:
    """The name of a damaged film, which says what was done to it."""
    kind = list(KINDS)[number % len(KINDS)]
    return f"{number:03d}-{DAMAGES[number // len(KINDS) % len(DAMAGES)].__name__}{kind}"


def make(folder: Path, number: int) -> Path:
    """Write the damaged film."""
    path = folder / case(number)
    whole = folder / f"whole{path.suffix}"
    if not whole.exists():
        part = folder / f"{number}{path.suffix}"
        _write_whole(part)
        part.replace(whole)
    content = bytearray(whole.read_bytes())
    DAMAGES[number // len(KINDS) % len(DAMAGES)](content, random.Random(number))
    path.write_bytes(content)
    return path


def _write_whole(path: Path) -> None:
    codec, sound = KINDS[path.suffix]
    write_film(
        path,
        list(range(FRAMES)),
        time_base=Fraction(1, 25),
        gop=12,
        codec=codec,
        sound=sound,
        sound_seconds=FRAMES / 25,
    )


def flipped(content: bytearray, chance: random.Random) -> None:
    """Some bits are wrong."""
    for _ in range(chance.choice([1, 10, 100])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def scrambled(content: bytearray, chance: random.Random) -> None:
    """A stretch is other bytes."""
    place, length = _stretch(content, chance)
    content[place : place + length] = chance.randbytes(length)


def zeroed(content: bytearray, chance: random.Random) -> None:
    """A stretch is zero, as after a crash of the file system."""
    place, length = _stretch(content, chance)
    content[place : place + length] = bytes(length)


def cut(content: bytearray, chance: random.Random) -> None:
    """The end is missing."""
    del content[chance.randrange(len(content)) :]


def shortened(content: bytearray, chance: random.Random) -> None:
    """A stretch is missing in the middle."""
    place, length = _stretch(content, chance)
    del content[place : place + length]


DAMAGES = (flipped, scrambled, zeroed, cut, shortened)


def _stretch(content: bytearray, chance: random.Random) -> tuple[int, int]:
    length = chance.choice([16, 200, len(content) // 4])
    return chance.randrange(len(content) - length), length


def read(path: Path) -> dict[str, object]:
    """Read the film into another one; return how many frames came, or the error."""
    count = 0
    try:
        with (
            open_source(path) as source,
            open_sink(path.with_suffix(".out.mp4"), StreamInfo.of(source)) as sink,
        ):
            for frame in source:
                sink.write(frame)
                count += 1
            sink.end()
    except LivedreamError as error:
        return {"frames": count, "error": f"{error}"}
    except Exception:  # noqa: BLE001  what it is all about
        return {"frames": count, "traceback": traceback.format_exc()}
    return {"frames": count, "damaged": getattr(source, "damaged", 0), "filled": getattr(source, "filled", 0)}


def main() -> None:
    folder, first, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for number in range(first, CASES, step):
        path = make(folder, number)
        signal.alarm(SECONDS)  # nobody handles it: it ends the process, wherever that hangs
        result = read(path)
        signal.alarm(0)
        sys.stdout.write(json.dumps({"number": number, "name": path.name, **result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
