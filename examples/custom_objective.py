"""Dream of an objective put together in Python: a layer, some more of one channel, and smooth areas.

python examples/custom_objective.py [VIDEO OR PHOTOGRAPH] [OUTPUT]
"""

import sys

import livedream
from livedream import channel, layer, tv

source = sys.argv[1] if sys.argv[1:] else livedream.demo_clip
output = sys.argv[2] if sys.argv[2:] else "objective.mp4"

objective = layer("fire8") + 2 * channel("fire6", 17) - 0.1 * tv()
dreamer = livedream.Dreamer("film", layers=str(objective))
report = livedream.run(source, dreamer, output)
print(f"{objective}: {report.dreamt} frames in {report.seconds:.1f} s")
