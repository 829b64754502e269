"""Write a sink of your own, and let it join a live run for a while: the brightness of the dream, as a curve of text.

python examples/own_sink.py [SOURCE] [SINK] [SECONDS]
"""

import sys

import livedream


class Brightness(livedream.Sink):
    name = "brightness"

    def write(self, frame: livedream.Frame) -> None:
        print(f"{float(frame.time):6.2f} s", "#" * round(frame.pixels.mean() / 4))

    def close(self) -> None:
        print("the curve has ended")


source = sys.argv[1] if sys.argv[1:] else "demo"
sink = sys.argv[2] if sys.argv[2:] else "window"
seconds = float(sys.argv[3]) if sys.argv[3:] else 20.0
changes, brightness = livedream.Changes(), Brightness()
changes.add_sink(brightness)


def on_progress(report: livedream.Report) -> None:
    if report.seconds > seconds / 2:
        changes.remove_sink(brightness)
    if report.seconds > seconds:
        changes.remove_sink(main_sink)  # a run ends with its last sink


with livedream.open_source(source) as camera, livedream.open_sink(sink, camera) as main_sink:
    report = livedream.run(camera, "live", main_sink, changes=changes, on_progress=on_progress)
print(f"{report.dreamt} frames dreamt, {report.dropped} dropped")
