"""A run with a window is played: its keys change the dream, and text stands over the picture."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from livedream.cli.output import remark
from livedream.pipeline import Changes, Playback, Report
from livedream.recipe import Recipe
from livedream.settings import DreamSettings
from livedream.sink.sink import Facts, Sink
from livedream.sink.window import WindowSink

if TYPE_CHECKING:
    from livedream.desk.desk import Desk
    from livedream.dream.dreamer import Dreamer


class Played(NamedTuple):
    """What a run is given."""

    dreamer: "Dreamer | Desk"
    on_progress: Callable[[Report], None]
    changes: Changes


@contextmanager
def playing(
    dreamer: "Dreamer | Desk",
    sinks: Sequence[Sink],
    *,
    preset: str,
    of_preset: DreamSettings | None = None,
    given: Mapping[str, Any],
    facts: Facts,
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
    from livedream.desk.desk import Desk
    from livedream.desk.hotkeys import bind, hotkeys
    from livedream.desk.status import Status
    from livedream.desk.takes import Takes

    if recipe is not None:  # what is taken has one look, that of its moment
        options = {name: of for name, of in recipe.options.items() if name != "tour"}
        recipe = dataclasses.replace(recipe, options=options)
    with ExitStack() as stack:
        if isinstance(dreamer, Desk):
            desk = dreamer
        else:
            is_live = facts.live if live is None else live
            desk = stack.enter_context(closing(Desk(dreamer, preset, given, of_preset=of_preset, live=is_live)))
        desk.playback = playback
        takes = stack.enter_context(closing(Takes(desk, changes, facts, recipe, on_kept=remark)))
        ((number, window),) = windows
        status = Status(desk, takes, number, window)
        bind(hotkeys(desk, takes, status, window), window)
        window.text = status.rows
        yield Played(desk, status.update, changes)
