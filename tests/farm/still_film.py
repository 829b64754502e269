"""A film in which nothing moves inside its two scenes."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.farm.films import HEIGHT, WIDTH, picture


def write_still_film(path: Path, frames: int = 100) -> Path:
    """Write two pictures of `frames` each, at 30 frames per second, without loss."""
    rng = np.random.default_rng(5)
    with av.open(str(path), "w") as output:
        video: Any = output.add_stream("libx264", 30, {"qp": "0"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv444p"
        video.codec_context.time_base = Fraction(1, 30)
        for number in range(2 * frames):
            if number % frames == 0:
                shown = np.ascontiguousarray(picture(rng)[:HEIGHT, :WIDTH])
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
    return path
