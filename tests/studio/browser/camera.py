"""A film for Chromium's camera: a person who moves slowly, in an endless loop."""

import math
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

WIDTH, HEIGHT, RATE = 640, 360, 30
FRAMES = 90
"""Three seconds, after which the picture is where it began."""
_ROOM = 1.1
"""How much larger the photograph is than the picture, so that the picture can wander in it."""


def write_camera(path: Path) -> None:
    """Write the film as Y4M, the format that Chromium's option --use-file-for-fake-video-capture takes."""
    photo = Image.fromarray(np.ascontiguousarray(data.astronaut()[:288]))
    width, height = photo.width / _ROOM, photo.height / _ROOM
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            turn = 2 * math.pi * number / FRAMES
            left = (photo.width - width) * (1 + math.sin(turn)) / 2
            top = (photo.height - height) * (1 + math.cos(turn)) / 2
            box = (left, top, left + width, top + height)
            luma, *chroma = photo.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box).convert("YCbCr").split()
            film.write(b"FRAME\n" + luma.tobytes())
            for plane in chroma:
                film.write(plane.reduce(2).tobytes())
