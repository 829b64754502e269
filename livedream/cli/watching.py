"""`run --watch`: see a still being dreamt, step by step."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from livedream.capture.source import Source, open_source
from livedream.cli.dreaming import (
    choose_settings,
    closing,
    conclusion,
    describe,
    files_read,
    new_dreamer,
    prepare,
    recipe_options,
    tell_of_faults,
)
from livedream.cli.effects import Kind, Place, refuse_useless, warn_of_useless_controls
from livedream.cli.output import remark, say
from livedream.cli.progress import Progress
from livedream.cli.request import Request
from livedream.cli.stopping import Stopped, stopping
from livedream.cli.window_options import check_window
from livedream.errors import ArgumentError
from livedream.frame import Frame
from livedream.pipeline import Report, run
from livedream.presets import STILL
from livedream.sink.sink import Facts, check_outputs, open_sink
from livedream.suffixes import PICTURES_OUT

if TYPE_CHECKING:
    from livedream.dream.dreamer import Dreamer


def watch(source_spec: str, request: Request) -> int:
    """Dream one picture, show each step in sinks, and return the exit code.

    Without a sink it is shown in a window, in which the dream stands until somebody closes it.
    """
    preset, sink_specs = request.preset, request.sinks or ("window",)
    settings = choose_settings(preset or STILL, request.controls)
    check_window(request.placement, sink_specs)
    report: Report | None = None

    def on_progress(now: Report) -> None:
        nonlocal report
        report = now
        progress(now)
        stop.check()

    try:
        with stopping() as stop, closing(stop) as opened:
            picture = opened(open_source(source_spec, size=request.size, rate=request.rate))
            _check(picture, sink_specs)
            place = Place(source_spec, Kind.PICTURE, sink_specs)
            refuse_useless(request, [place])
            dreamer = new_dreamer(settings)
            source = opened(WatchedSource(picture, dreamer, holds=list(sink_specs) == ["window"]))
            facts = Facts.of(source, also_read=files_read(preset, settings))
            check_outputs(sink_specs, facts)
            sinks = [
                opened(
                    open_sink(
                        spec,
                        facts,
                        encoding=request.encoding,
                        overwrite=request.overwrite,
                        placement=request.placement,
                    )
                )
                for spec in sink_specs
            ]
            _, recipe = prepare(dreamer, picture, recipe_options(request))
            for sink in sinks:
                sink.recipe = recipe if request.recipe else None
            targets = ", ".join(sink.name for sink in sinks)
            say(f"{dreamer.description}, preset {preset or 'still'}: {describe(picture)} -> {targets}")
            warn_of_useless_controls(request.controls, [place])
            with Progress(source) as progress:
                stop.hold()
                report = run(source, _as_it_is, sinks, on_progress=on_progress)
    except Stopped as stopped:
        remark(f"stopped: {conclusion(report, source, sink_specs)}" if report else "stopped: nothing was written")
        return stopped.exit_code
    say(conclusion(report, source, sink_specs))
    return 1 if tell_of_faults(report) else 0


def _check(source: Source, sink_specs: Sequence[str]) -> None:
    """Raise ArgumentError when nobody can watch `source` being dreamt into these sinks."""
    if not source.stills or source.length != 1:
        raise ArgumentError(f"--watch is for one picture, got {source.name}", "a film is watched with --to window")
    for spec in sink_specs:
        if Path(spec).suffix.lower() in PICTURES_OUT:
            raise ArgumentError(f"{spec} holds one picture, and --watch shows many", "name a film, a .gif or a folder/")


class WatchedSource(Source):
    """The steps of the dream of a picture, dreamt by `dreamer` as they are taken: no other dreamer comes after it.

    holds: whether the last step stays, for a window, until the source is closed.
    """

    def __init__(self, picture: Source, dreamer: "Dreamer", *, holds: bool) -> None:
        from livedream.dream.dreamer import SPECTATE_RATE

        self._picture = picture
        self._dreamer = dreamer
        self._holds = holds
        self._closed = threading.Event()
        self.name, self.size, self.path = picture.name, picture.size, picture.path
        self.pixel_aspect = picture.pixel_aspect
        self.rate, self.time_base = SPECTATE_RATE, 1 / SPECTATE_RATE
        self.live = holds
        self.length = dreamer.still_length(picture.size)

    @property
    def files(self) -> Sequence[Path]:
        return self._picture.files

    def __iter__(self) -> Iterator[Frame]:
        for picture in self._picture:
            for frame in self._dreamer.spectate(picture):
                if self._closed.is_set():
                    return
                yield frame
        if self._holds:
            self._closed.wait()

    def close(self) -> None:
        self._closed.set()


@overload
def _as_it_is(picture: Frame, /) -> Frame: ...
@overload
def _as_it_is(picture: np.ndarray, /) -> np.ndarray: ...
def _as_it_is(picture: Frame | np.ndarray, /) -> Frame | np.ndarray:
    """Stand for a dreamer: what comes has been dreamt."""
    return picture
