"""Run by test_lifecycle.py in a process of its own: livedream with a dreamer that changes nothing, ready in a second.

    python plain_run.py WHERE ARGUMENT...

WHERE: `nowhere`; what fails at its tenth frame: `source`, `dreamer`, `sink`; what never comes back: `stuck`; when
Ctrl-C comes while the network is loaded: `start`.
"""

import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from livedream.capture import demo
from livedream.cli.main import main
from livedream.cli.tasks import dream
from livedream.errors import LivedreamError, SinkError, SourceError
from livedream.frame import Frame
from livedream.pipeline.policies import LivePolicy
from livedream.settings import DreamSettings
from livedream.sink.null import NullSink

where = sys.argv[1]


class Plain:
    """Stands in for the Dreamer."""

    description = "plain"
    effort = 1.0
    awaits_device = False
    lookahead = 1
    notice = None

    def __init__(self, settings: DreamSettings) -> None:
        self.settings = settings
        self.stages: dict[str, float] = {}
        self.count = 0

    def prepare(self, size: tuple[int, int], still: bool = False, *, soon: bool = False) -> None:
        if where == "start":
            signal.raise_signal(signal.SIGINT)

    def reset(self) -> None:
        pass

    def sharing_cores(self, live: bool) -> AbstractContextManager[None]:
        return nullcontext()

    def finish_analysis(self) -> None:
        pass

    def analyze(self, frame: Frame, begins: bool = False, settings: DreamSettings | None = None) -> Frame:
        return frame

    def dream(self, frame: Frame) -> Frame:
        self.count += 1
        if where == "dreamer" and self.count == 10:
            raise LivedreamError("the dreamer failed")
        return frame

    def compose(self, frame: Frame) -> Frame:
        return frame


class FailingSource(demo.DemoSource):
    def __iter__(self) -> Any:
        for number, frame in enumerate(super().__iter__(), 1):
            if number == 10:
                raise SourceError("the source failed")
            yield frame


def write(sink: NullSink, frame: Any) -> None:
    sink.count += 1
    if where == "sink" and sink.count == 10:
        raise SinkError("the sink failed")
    if where == "stuck":
        threading.Event().wait()


dream.new_dreamer = Plain  # type: ignore[assignment, attr-defined]
NullSink.write = write  # type: ignore[method-assign, assignment]
LivePolicy.end_seconds = 0.5
if where == "source":
    demo.DemoSource = FailingSource  # type: ignore[misc]
# A process that a shell has put in the background ignores Ctrl-C; this one must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[2:]))
