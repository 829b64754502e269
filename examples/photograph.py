"""Dream a photograph.

python examples/photograph.py [PHOTOGRAPH] [OUTPUT]
"""

import sys

from PIL import Image

from livedream import Dreamer, demo_clip, open_source

if sys.argv[1:]:
    image = Image.open(sys.argv[1]).convert("RGB")
else:
    with open_source(demo_clip) as source:
        image = Image.fromarray(next(iter(source)).pixels)
output = sys.argv[2] if sys.argv[2:] else "dream.png"

dreamer = Dreamer("still", layers="fire5", still_steps=20)
dreamer(image).save(output)
print(output)
