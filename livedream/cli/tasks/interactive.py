"""A run with a window is played: its keys change the dream, and text stands over the picture."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
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


class Played(NamedTuple):
    """What a run is given."""

    dreamer: "Dreamer | LiveController"
    on_progress: Callable[[Report], None]
    changes: Changes


@contextmanager
def playing(
    dreamer: "Dreamer | LiveController",
    sinks: Sequence[Sink],
    *,
    preset: str,
    of_preset: DreamSettings | None = None,
    given: Mapping[str, Any],
    info: StreamInfo,
    recipe: Recipe | None,
    live: bool | None = None,
    playback: Playback | None = None,
) -> Iterator[Played]:
    """Put a desk between the dreamer and a run, if one of its sinks is a window and no desk is there yet.

    preset, of_preset, given: as Desk takes them. recipe: what snapshots and recordings carry; None for nothing. live:
    whether frames do not wait for what a key asks for, by default as the source says. playback: the clock of a film
    that is played.
    """
    changes = Changes()
    windows = [(number, sink) for number, sink in enumerate(sinks) if isinstance(sink, WindowSink)]
    if not windows:
        yield Played(dreamer, lambda report: None, changes)
        return
    from livedream.controls.controller import LiveController
    from livedream.controls.hotkeys import bind, hotkeys
    from livedream.controls.hud import Hud
    from livedream.controls.recorder import Recorder

    if recipe is not None:  # what is taken has one look, that of its moment
        options = {name: of for name, of in recipe.options.items() if name != "tour"}
        recipe = dataclasses.replace(recipe, options=options)
    with ExitStack() as stack:
        if isinstance(dreamer, LiveController):
            controller = dreamer
        else:
            is_live = info.live if live is None else live
            controller = stack.enter_context(
                closing(LiveController(dreamer, preset, given, of_preset=of_preset, live=is_live))
            )
        controller.playback = playback
        recorder = stack.enter_context(closing(Recorder(controller, changes, info, recipe, on_kept=remark)))
        ((number, window),) = windows
        status = Hud(controller, recorder, number, window)
        bind(hotkeys(controller, recorder, status, window), window)
        window.text = status.rows
        yield Played(controller, status.update, changes)
