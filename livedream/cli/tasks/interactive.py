"""The keys of a run with a window: they change the dream, and text stands over the picture."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from livedream.cli.console import remark
from livedream.pipeline import Changes, Playback, Report
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.sink import Sink
from livedream.sink.window.window_sink import WindowSink
from livedream.stream_info import StreamInfo

if TYPE_CHECKING:
    from livedream.controls.controller import LiveController
    from livedream.dream.dreamer import Dreamer


@dataclass(frozen=True, slots=True)
class PresetChoice:
    """The preset of a run and the controls given on top of it, as LiveController takes them."""

    preset: str
    given: Mapping[str, Any] = field(default_factory=dict)
    preset_settings: DreamSettings | None = None


class ControlledRun(NamedTuple):
    """What to pass to `pipeline.run` so that keys control it."""

    dreamer: "Dreamer | LiveController"
    on_progress: Callable[[Report], None]
    changes: Changes


@contextmanager
def window_controls(
    dreamer: "Dreamer | LiveController",
    sinks: Sequence[Sink],
    chosen: PresetChoice,
    *,
    info: StreamInfo,
    recipe: Recipe | None,
    live: bool | None = None,
    clock: Playback | None = None,
) -> Iterator[ControlledRun]:
    """Bind the keys of the window among `sinks` to a controller of `dreamer`; without a window, change nothing.

    Args:
        dreamer: a Dreamer, which gets a LiveController, or the controller that it has already.
        info: the stream that recordings are made of.
        recipe: what snapshots and recordings carry; None for nothing.
        live: whether frames do not wait for settings that have to be prepared; by default whether the source is live.
        clock: the clock of a video that is played.
    """
    changes = Changes()
    windows = [(number, sink) for number, sink in enumerate(sinks) if isinstance(sink, WindowSink)]
    if not windows:
        yield ControlledRun(dreamer, lambda report: None, changes)
        return
    from livedream.controls.controller import LiveController
    from livedream.controls.hotkeys import bind, hotkeys
    from livedream.controls.hud import Hud
    from livedream.controls.recorder import Recorder

    if recipe is not None:  # a snapshot or recording has one look, that of its moment
        options = {name: value for name, value in recipe.options.items() if name != "tour"}
        recipe = dataclasses.replace(recipe, options=options)
    with ExitStack() as stack:
        if isinstance(dreamer, LiveController):
            controller = dreamer
        else:
            controller = LiveController(
                dreamer,
                chosen.preset,
                chosen.given,
                preset_settings=chosen.preset_settings,
                live=info.live if live is None else live,
            )
            stack.enter_context(closing(controller))
        controller.playback = clock
        recorder = stack.enter_context(closing(Recorder(controller, changes, info, recipe, on_kept=remark)))
        ((number, window),) = windows
        hud = Hud(controller, recorder, number, window)
        bind(hotkeys(controller, recorder, hud, window), window)
        window.text = hud.rows
        yield ControlledRun(controller, hud.update, changes)
