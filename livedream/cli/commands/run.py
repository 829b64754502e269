"""`livedream run`: dream a camera, a film, a stream or pictures."""

from typing import Any

import click

from livedream.cli.addresses import SOURCE, TO, sinks_given, sources_given
from livedream.cli.help import GroupedCommand
from livedream.cli.parsing import (
    control_options,
    given_controls,
    given_tour,
    output_option,
    overwrite_option,
    parse_length,
    parse_moment,
    parse_rate,
    parse_size,
    tour_option,
)
from livedream.cli.playback_options import PlaybackOptions, given_playback, playback_options
from livedream.cli.recipe_option import no_recipe_option
from livedream.cli.streams import stdout_left_to
from livedream.cli.tasks.request import Request
from livedream.cli.window_options import check_window, take_placement, window_options
from livedream.errors import ArgumentError, SourceError
from livedream.hints import Hint
from livedream.sink.open import is_stdout
from livedream.sink.video.codecs import CODECS, HARDWARE, QUALITY, Encoding

EXAMPLES = (
    ("a film with its sound: film-dream.mp4", "livedream run film.mp4"),
    ("ten seconds of it in another look", "livedream run film.mp4 --start 1:30 -t 10s --preset coral -o coral.webm"),
    ("a picture, dreaming of what you name: photo-dream.png", 'livedream run photo.jpg --layers "dogs + 0.5*knitwear"'),
    ("a minute of the first camera, in a window and in a file", "livedream run 0 -o window -o take.mp4 -t 1m"),
    ("all films and pictures of a folder, one by one", "livedream run folder/ -o dreams/"),
)


@click.command(cls=GroupedCommand, examples=EXAMPLES, short_help="Dream a camera, a film, a stream or pictures.")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("-i", "--input", "inputs", metavar="SOURCE", multiple=True, help="The same as the argument SOURCE")
@output_option(
    "SINK",
    "File, folder/, window, virtual-camera, udp://... or - (Y4M on standard output); may be repeated [default: "
    "NAME-dream.mp4 or .png, a window for live sources]",
    multiple=True,
)
@click.option("--source-file", metavar="FILE", help=f"Read sources from FILE, one per line [default: ${SOURCE}]")
@click.option("--to-file", metavar="FILE", help=f"Read more sinks from FILE, one per line [default: ${TO}]")
@click.option("--preset", metavar="NAME", help="Look: see livedream presets, or a file [default: film, live or still]")
@click.option("--size", metavar="WxH", help="Size to ask a camera for; size of raw pictures [default: 1280x720]")
@click.option("--rate", metavar="N", help="Frames per second of a camera, screen or of numbered pictures")
@click.option("--start", metavar="TIME", help="Where to start in a film: 90, 1:30, 1m30s or 250ms")
@click.option("--end", metavar="TIME", help="Where to stop")
@click.option("-t", "--duration", metavar="TIME", help="How much of a film to dream; how long to run a camera")
@click.option(
    "--codec",
    metavar="NAME",
    default="auto",
    help=f"{', '.join(CODECS)}, or an encoder such as h264_nvenc [default: that of the kind of file]",
)
@click.option(
    "--hardware",
    metavar="NAME",
    default="off",
    help=f"Hardware encoder: {', '.join(HARDWARE)}; software where it does not work [default: off]",
)
@click.option("--quality", metavar="0-100", type=int, help=f"Quality of a film [default: {QUALITY}]")
@click.option("--resume", is_flag=True, help="Continue a film where an earlier run was cut off")
@click.option("--watch", is_flag=True, help="Show each step of the dream of a picture")
@click.option("--fps", metavar="N", help="Frames per second to hold [default: those of the camera]")
@click.option("--fixed", is_flag=True, help="Drop frames rather than lower the quality of the dream")
@click.option("--fresh", is_flag=True, help="Ignore what was changed by keys in the last live run")
@overwrite_option()
def run(
    sources: tuple[str, ...],
    inputs: tuple[str, ...],
    sinks: tuple[str, ...],
    source_file: str | None,
    to_file: str | None,
    preset: str | None,
    size: str | None,
    rate: str | None,
    start: str | None,
    end: str | None,
    duration: str | None,
    codec: str,
    hardware: str,
    quality: int | None,
    resume: bool,
    overwrite: bool,
    fps: str | None,
    fixed: bool,
    fresh: bool,
    watch: bool,
    tour: str | None,
    loop: str | None,
    speed: str | None,
    sound: bool,
    no_recipe: bool,
    **controls: Any,
) -> int:
    """Dream SOURCE: a film, a picture, a folder or pattern of them, numbered pictures (frames/%06d.png), a camera (its
    number or part of its name), an address (rtsp://...), screen, demo, or - for standard input. Default: camera 0.

    Several files are dreamt one by one; those that are done already are skipped.
    """
    from livedream.capture.demo import demo_clip
    from livedream.cli.tasks.batch import batch
    from livedream.cli.tasks.batch_plan import is_batch, named_after, refuse_output_among
    from livedream.cli.tasks.dream import dream
    from livedream.cli.tasks.watch import is_shown_picture
    from livedream.cli.tasks.watch import watch as watch_it

    sources, stay = given_tour((*sources, *inputs), tour)
    sources, playback = given_playback(sources, loop, speed, sound)
    named, sinks = sources_given(sources, source_file), sinks_given(sinks, to_file)
    click.get_current_context().with_resource(stdout_left_to(sinks))
    placement = take_placement(controls)
    if not sinks:
        refuse_output_among(named)
    sources = named or ("0",)
    if sources == ("demo",) and sinks and all(map(is_stdout, sinks)):
        sources = (str(demo_clip),)  # nobody watches it live: a program wants every frame, and an end
    several = is_batch(sources)
    if not several:
        sinks = tuple(named_after(sources[0], sink) for sink in sinks)
    if end is not None and duration is not None and not playback.loop:
        raise ArgumentError("--end and --duration both say where to stop", "leave out one of them")
    request = Request(
        sinks=sinks,
        preset=preset,
        controls=given_controls(controls),
        size=None if size is None else parse_size(size),
        rate=None if rate is None else parse_rate(rate),
        start=None if start is None else parse_moment(start),
        end=None if end is None else parse_moment(end),
        duration=None if duration is None else parse_length(duration),
        encoding=Encoding(codec=codec, quality=quality, hardware=hardware),
        overwrite=overwrite,
        recipe=not no_recipe,
        resume=resume,
        fps=None if fps is None else parse_rate(fps),
        fixed=fixed,
        fresh=fresh,
        tour=stay,
        placement=placement,
        playback=playback,
    )
    if fps is not None and fixed:
        raise ArgumentError("--fps holds a rate and --fixed does not", "leave out one of them")
    if several:
        if watch:
            raise ArgumentError("--watch is for one picture", "name one")
        check_window(placement, ())
        playback.check_several(ends=duration is not None)
        return batch(sources, request)
    watch = watch or is_shown_picture(sources[0], request)
    if watch and resume:
        raise ArgumentError("a picture in a window is dreamt from its first step", "leave out --resume")
    if watch:
        if playback != PlaybackOptions():
            raise ArgumentError("the steps of a picture are shown without --loop, --speed or --sound", "leave it out")
        return watch_it(sources[0], request)
    try:
        return dream(sources[0], request)
    except SourceError as error:
        if not named:
            error.hint = Hint("; ".join(filter(None, [error.hint.command_line, "try: livedream run demo"])))
        raise


run.params += [
    tour_option(),
    *playback_options(),
    *window_options(),
    no_recipe_option(),
    *control_options(),
]
