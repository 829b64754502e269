"""Dream a video frame by frame, and put the original beside the dream.

python examples/video.py [VIDEO] [OUTPUT]
"""

import sys

import numpy as np

from livedream import Dreamer, demo_clip, open_sink, open_source

video = sys.argv[1] if sys.argv[1:] else demo_clip
output = sys.argv[2] if sys.argv[2:] else "side-by-side.mp4"

dreamer = Dreamer("film")
with open_source(video) as source, open_sink(output, source) as sink:
    for frame in source:
        dream = dreamer(frame)
        sink.write(dream.with_pixels(np.hstack([frame.pixels, dream.pixels])))
print(output)
