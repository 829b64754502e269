"""A film of a person who moves, turns and comes nearer, and how much of the person is in each pixel.

The person is Eileen Collins on scikit-image's photograph `astronaut` (NASA, in the public domain). astronaut_alpha.png
beside this file says which pixels of it are she, her suit and the helmet in her hands: cut out with OpenCV's GrabCut
along an outline drawn by hand, and corrected by eye at full size; in the public domain as well. Behind her is the right
part of the demo film (Big Buck Bunny, see livedream/assets/NOTICE), where the rabbit does not come: MediaPipe's
network takes him for a person.
"""

import livedream  # noqa: I001  first: cv2 must come before av

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data

RATE = 30
"""Frames per second."""
SECONDS = 5
_FILM = Path(livedream.__file__).parent / "assets" / "demo.mp4"
_FIRST_COLUMN = 640
"""Of the demo film; the rabbit is to the left of it."""
_POSES = (
    # seconds, middle of the photograph (share of the width), its height (share of the frame's), degrees
    (0.0, 0.40, 0.90, 0.0),
    (0.7, 0.40, 0.90, 0.0),
    (1.7, 0.62, 1.05, 5.0),
    (2.3, 0.62, 1.05, 5.0),
    (3.3, 0.45, 0.75, -4.0),
    (3.9, 0.45, 0.75, -4.0),
    (5.0, 0.40, 0.90, 0.0),
)
"""The person goes from one to the next, and rests where two are the same."""


def person_clip(
    count: int = RATE * SECONDS, size: tuple[int, int] = (1280, 720), *, every: int = 1, sways: bool = True
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the frames of the clip and their alpha: uint8 RGB (h, w, 3) and float32 (h, w), 0..1.

    count: how many frames. size: (width, height). every: of the 30 frames of a second only each such one, for tests.
    sways: whether the camera does; the grass moves in any case.
    """
    alpha = cv2.imread(str(Path(__file__).with_name("astronaut_alpha.png")), cv2.IMREAD_GRAYSCALE)
    assert alpha is not None
    person = np.dstack((_times(data.astronaut(), alpha), alpha))
    for number, film in zip(range(0, count * every, every), _scenery(every), strict=False):
        seconds = number / RATE
        moved = _placed(person, seconds, size)
        alpha = moved[..., 3]
        behind = _panned(film, seconds if sways else 0, size)
        yield cv2.add(moved[..., :3], _times(behind, 255 - alpha)), alpha / np.float32(255)


def write_person_clip(
    path: Path, count: int = RATE * SECONDS, size: tuple[int, int] = (1280, 720), *, sways: bool = True
) -> Path:
    """Write the clip into a Matroska file without loss (FFV1, RGB), to look at it and to dream it by the command."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=RATE, width=size[0], height=size[1], pix_fmt="bgr0")
        for number, (pixels, _) in enumerate(person_clip(count, size, sways=sways)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _scenery(every: int) -> Iterator[np.ndarray]:
    """Yield frames of the demo film forwards and backwards in turn, without end, its right part."""
    with av.open(str(_FILM)) as container:
        frames = [
            frame.to_ndarray(format="rgb24")[:, _FIRST_COLUMN:]
            for number, frame in enumerate(container.decode(video=0))
            if number % every == 0
        ]
    while True:
        yield from (*frames, *frames[-2:0:-1])


def _times(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return `pixels`, uint8 (h, w, 3), times `alpha`, uint8 (h, w) that stands for 0..1."""
    return cv2.multiply(pixels, cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR), scale=1 / 255)


def _panned(film: np.ndarray, seconds: float, size: tuple[int, int]) -> np.ndarray:
    """Return a part of `film` that sways slowly, at `size` (width, height)."""
    height, width = film.shape[:2]
    share = 0.8
    scale = max(size[0] / (share * width), size[1] / (share * height))
    room = width - size[0] / scale, height - size[1] / scale
    left, top = (0.5 + 0.5 * math.sin(0.9 * seconds)) * room[0], (0.5 + 0.5 * math.sin(0.5 * seconds)) * room[1]
    return _warp(film, np.array([[scale, 0, -left * scale], [0, scale, -top * scale]]), size)


def _placed(person: np.ndarray, seconds: float, size: tuple[int, int]) -> np.ndarray:
    """Return the person as at a moment of the clip in an empty frame of `size`: (h, w, 4), colours times alpha."""
    times, *values = zip(*_POSES, strict=True)
    after = next((i for i, time in enumerate(times) if time > seconds % SECONDS), len(times) - 1)
    share = (seconds % SECONDS - times[after - 1]) / (times[after] - times[after - 1])
    share = share * share * (3 - 2 * share)
    x, height, degrees = (value[after - 1] * (1 - share) + value[after] * share for value in values)
    side = person.shape[0]
    scale = height * size[1] / side
    # Around the middle of the lower edge, which stands a little below the frame's so that no corner of it is seen.
    matrix = cv2.getRotationMatrix2D((side / 2, side), degrees, scale)
    matrix[:, 2] += x * size[0] - side / 2, 1.06 * size[1] - side
    return _warp(person, matrix, size)


def _warp(pixels: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return `pixels` moved by `matrix` (2, 3); what gets smaller is averaged first."""
    scale = math.hypot(*matrix[:, 0])
    if scale < 0.75:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix = np.column_stack((matrix[:, :2] / scale, matrix[:, 2]))
    return cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR)
