"""A window beside the page, with its keys."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from livedream.pipeline import Report
from livedream.sink.sink import Sink
from livedream.sink.window.window_sink import WindowSink

if TYPE_CHECKING:
    from livedream.controls.controller import LiveController
    from livedream.controls.recorder import Recorder


def show_in(window: Sink, controller: "LiveController", recorder: "Recorder", number: int) -> Callable[[Report], None]:
    """Bind the keys of `window` to a controller, and return what shows the reports of a run in it.

    number: of the window among the sinks of the run.
    """
    from livedream.controls.hotkeys import bind, hotkeys
    from livedream.controls.hud import Hud

    if not isinstance(window, WindowSink):
        return lambda report: None
    hud = Hud(controller, recorder, number, window)
    bind(hotkeys(controller, recorder, hud, window), window)
    window.text = hud.rows
    return hud.update
