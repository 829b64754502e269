"""Zoom into a photograph without end: each frame is a dream of the middle of the frame before.

python examples/zoom.py [PHOTOGRAPH] [OUTPUT] [FRAMES]
"""

import sys
from fractions import Fraction

import numpy as np
from PIL import Image

from livedream import Dreamer, Frame, StreamInfo, demo_clip, open_sink, open_source

RATE, ZOOM = Fraction(25), 1.02

with open_source(sys.argv[1] if sys.argv[1:] else demo_clip) as source:
    image = Image.fromarray(next(iter(source)).pixels)
output = sys.argv[2] if sys.argv[2:] else "zoom.mp4"
frames = int(sys.argv[3]) if sys.argv[3:] else 200

dreamer = Dreamer("still", still_height=180, still_steps=4, smallest_octave=90)
left, top = (side * (1 - 1 / ZOOM) / 2 for side in image.size)
middle = left, top, image.width - left, image.height - top
with open_sink(output, StreamInfo(rate=RATE, size=image.size)) as sink:
    for index in range(frames):
        image = dreamer(image)
        sink.write(Frame(np.asarray(image), time=index / RATE, index=index))
        image = image.resize(image.size, Image.Resampling.LANCZOS, box=middle)
print(output)
