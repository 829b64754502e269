"""Dream a camera into a window and a file at once, live.

python examples/webcam.py [SOURCE] [SINK]...
"""

import sys

import livedream


def show(report: livedream.Report) -> None:
    print(f"{report.dreamt_fps:.1f} frames per second", *report.notices, end="\r")


source = sys.argv[1] if sys.argv[1:] else 0
sinks = sys.argv[2:] or ["window", "dream.mp4"]
try:
    livedream.run(source, livedream.Dreamer("live", steps=2), sinks, on_progress=show)
except KeyboardInterrupt:
    print("stopped; the file is complete")
