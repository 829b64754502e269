"""What `run` and `demo` have in common: open, say what is used, dream, close, say what came out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from livedream.capture.source import Source, open_source
from livedream.cli.output import remark, say
from livedream.cli.progress import Progress, dropped
from livedream.cli.stopping import Stop, Stopped, stopping
from livedream.errors import ArgumentError
from livedream.models import find_network
from livedream.pipeline import Report, run
from livedream.presets import load_preset
from livedream.settings import DreamSettings
from livedream.sink.sink import Facts, Sink, open_sink

Opened = TypeVar("Opened", Source, Sink)

NO_FILES = ("window", "null")
"""The sinks that leave nothing on disk."""


def dream(
    source_spec: str,
    sink_specs: Sequence[str] = (),
    *,
    preset: str | None = None,
    controls: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> int:
    """Dream a source into sinks, and return the exit code.

    sink_specs: none means the usual one for that source. preset: None means the usual one. controls: in which the dream
    differs from the preset.
    """
    controls = controls or {}
    choose_settings(preset or "live", controls)  # what is wrong in them comes out before a camera is opened
    with stopping() as stop, closing(stop) as opened:
        source = opened(open_source(source_spec))
        preset = preset or ("still" if source.stills else "live")
        settings = choose_settings(preset, controls)
        sink_specs = sink_specs or [usual_sink(source)]
        refuse_twins(sink_specs)
        facts = Facts.of(source)
        sinks = [opened(open_sink(spec, facts, overwrite=overwrite)) for spec in sink_specs]

        from livedream.dream.dreamer import Dreamer  # torch: three seconds

        dreamer = Dreamer(settings)
        dreamer.prepare(source.size, still=source.stills)
        say(f"{dreamer.description}, preset {preset}: {describe(source)} -> {', '.join(sink.name for sink in sinks)}")
        with Progress(source) as progress:

            def on_progress(report: Report) -> None:
                progress(report)
                stop.check()

            try:
                with stop.held():
                    run(source, dreamer, sinks, on_progress=on_progress)
            except Stopped as signal:
                exit_code = signal.exit_code
            else:
                exit_code = 0
    if progress.last is not None:
        conclude(progress.last, source, sink_specs, stopped=exit_code != 0)
    return exit_code


def choose_settings(preset: str, controls: Mapping[str, Any]) -> DreamSettings:
    """Return the preset with the given controls on top. Raises ArgumentError."""
    settings = load_preset(preset).replace(**controls)
    find_network(settings.model)
    return settings


def usual_sink(source: Source) -> str:
    """Return where the frames of `source` go when nobody says it: live ones into a window, others beside us."""
    if source.live:
        return "window"
    stem = source.path.stem if source.path and source.path.stem else "pictures"
    if not source.stills:
        return f"{stem}-dream.mp4"
    return f"{stem}-dream.png" if source.length == 1 else f"{stem}-dream/"


def refuse_twins(sink_specs: Sequence[str]) -> None:
    """Raise ArgumentError when two sinks are one and the same."""
    places = [spec if spec in NO_FILES else str(Path(spec).resolve()) for spec in sink_specs]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ArgumentError(f"{sink_specs[number]} is named twice", "give each --to a name of its own")


def describe(source: Source) -> str:
    """`film.mp4 1280x720, 25 fps`."""
    text = f"{source.name} {source.size[0]}x{source.size[1]}"
    if source.stills:
        return text if source.length == 1 else f"{text}, {source.length} pictures"
    return f"{text}, {float(source.rate):.5g} fps" if source.rate else text


def conclude(report: Report, source: Source, sink_specs: Sequence[str], *, stopped: bool) -> None:
    """Say how it went and where the result is."""
    fps = report.dreamt / report.seconds if report.seconds else 0.0
    pictures = "picture" if source.stills else "frame"
    many = "" if report.dreamt == 1 else "s"
    text = f"dreamt {report.dreamt} {pictures}{many} in {report.seconds:.1f} s, {fps:.1f} fps, {dropped(report)}"
    files = [spec for spec, sink in zip(sink_specs, report.sinks, strict=True) if spec not in NO_FILES and sink.written]
    if files:
        text += f"; {'written so far' if stopped else 'written'}: {', '.join(files)}"
    if stopped:
        remark(f"stopped: {text}")
    else:
        say(text)


@contextmanager
def closing(stop: Stop) -> Iterator[Callable[[Opened], Opened]]:
    """Close what is opened in the block, last first, whatever happens; a signal waits for that.

    Of several errors the first is raised: it is what went wrong. Only a signal gives way to an error.
    """
    things: list[Source | Sink] = []

    def opened(thing: Opened) -> Opened:
        things.append(thing)
        return thing

    first: BaseException | None = None
    try:
        yield opened
    except BaseException as error:  # noqa: BLE001  raised below
        first = error
    with stop.held():
        for thing in reversed(things):
            try:
                thing.close()
            except Exception as error:  # noqa: BLE001  raised below, when the rest is closed
                first = error if first is None or isinstance(first, Stopped) else first
    if first is not None:
        raise first
    stop.check()
