"""`livedream run`: dream a camera, a video, a stream or pictures."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import click
from click.core import ParameterSource

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
from livedream.cli.progress_option import progress_option
from livedream.cli.recipe_option import no_recipe_option
from livedream.cli.streams import stdout_left_to
from livedream.cli.tasks.request import Request
from livedream.cli.window_options import check_window, take_placement, window_options
from livedream.errors import ArgumentError, SourceError
from livedream.hints import Hint
from livedream.sink.open import is_stdout
from livedream.sink.video.codecs import CODECS, HARDWARE, QUALITY, Encoding

Value = TypeVar("Value")

EXAMPLES = (
    ("a video with its sound: film-dream.mp4", "livedream run film.mp4"),
    ("ten seconds of it in another look", "livedream run film.mp4 --start 1:30 -t 10s --preset coral -o coral.webm"),
    ("a picture with dogs and knitwear: photo-dream.png", 'livedream run photo.jpg --layers "dogs + 0.5*knitwear"'),
    ("a minute of the first camera, in a window and in a file", "livedream run 0 -o window -o take.mp4 -t 1m"),
    ("all videos and pictures of a folder, one by one", "livedream run folder/ -o dreams/"),
)


@click.command(cls=GroupedCommand, examples=EXAMPLES, short_help="Dream a camera, a video, a stream or pictures.")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("-i", "--input", "inputs", metavar="SOURCE", multiple=True, help="Same as the argument SOURCE")
@output_option(
    "SINK",
    "File, folder/, window, virtual-camera, udp://... or - (Y4M on standard output); may be repeated [default: "
    "NAME-dream.mp4 or .png, a window for live sources]",
    multiple=True,
)
@click.option("--source-file", metavar="FILE", help=f"Read sources from FILE, one per line [default: ${SOURCE}]")
@click.option("--to-file", metavar="FILE", help=f"Read more sinks from FILE, one per line [default: ${TO}]")
@click.option("--preset", metavar="NAME", help="Look: see livedream presets, or a file [default: film, live or still]")
@click.option("--size", metavar="WxH", help="Size requested from a camera; size of raw pictures [default: 1280x720]")
@click.option("--rate", metavar="N", help="Frames per second of a camera, a screen or numbered pictures")
@click.option("--start", metavar="TIME", help="Where to start in a video: 90, 1:30, 1m30s or 250ms")
@click.option("--end", metavar="TIME", help="Where to stop")
@click.option("-t", "--duration", metavar="TIME", help="How much of a video to dream, or how long to run a camera")
@click.option(
    "--codec",
    metavar="NAME",
    default="auto",
    help=f"{', '.join(CODECS)}, or an encoder such as h264_nvenc [default: by type of file]",
)
@click.option(
    "--hardware",
    metavar="NAME",
    default="off",
    help=f"Hardware encoder: {', '.join(HARDWARE)}; software if that fails [default: off]",
)
@click.option("--quality", metavar="0-100", type=int, help=f"Quality of a video [default: {QUALITY}]")
@click.option("--resume", is_flag=True, help="Continue a video where an earlier run was interrupted")
@click.option("--manifest", metavar="FILE", help="Dream a shard of this manifest of livedream plan, and nothing else")
@click.option("--shard", metavar="N/TOTAL", help="Which shard [default: from the array task of Slurm, Kubernetes, AWS]")
@click.option("--watch", is_flag=True, help="Show each step of a picture's dream")
@click.option("--fps", metavar="N", help="Frames per second to hold [default: the rate of the camera]")
@click.option("--fixed", is_flag=True, help="Drop frames rather than lower the quality")
@click.option("--fresh", is_flag=True, help="Ignore changes made by keys in the last live run")
@overwrite_option()
def run(
    sources: tuple[str, ...],
    inputs: tuple[str, ...],
    sinks: tuple[str, ...],
    source_file: str | None,
    to_file: str | None,
    tour: str | None,
    watch: bool,
    **options: Any,
) -> int:
    """Dream SOURCE: a video, a picture, a folder or pattern of them, numbered pictures (frames/%06d.png), a camera (its
    number or part of its name), an address (rtsp://...), screen, demo, or - for standard input. Default: camera 0.

    Several files are dreamt one by one; finished ones are skipped.
    """
    if options["manifest"] is not None or options["shard"] is not None:
        return _run_shard(options["manifest"], options["shard"])
    from livedream.capture.demo import demo_clip
    from livedream.cli.tasks.batch import batch
    from livedream.cli.tasks.batch_plan import is_batch, named_after, refuse_output_among

    sources, tour_seconds = given_tour((*sources, *inputs), tour)
    sources, playback = given_playback(sources, options["loop"], options["speed"], options["sound"])
    named, sinks = sources_given(sources, source_file), sinks_given(sinks, to_file)
    click.get_current_context().with_resource(stdout_left_to(sinks))
    placement = take_placement(options)
    if not sinks:
        refuse_output_among(named)
    sources = named or ("0",)
    if sources == ("demo",) and sinks and all(map(is_stdout, sinks)):
        sources = (str(demo_clip),)  # a program needs every frame, and an end
    is_several = is_batch(sources)
    if not is_several:
        sinks = tuple(named_after(sources[0], sink) for sink in sinks)
    request = replace(
        _request(options, playback),
        sinks=sinks,
        tour=tour_seconds,
        placement=placement,
    )
    if is_several:
        if watch:
            raise ArgumentError("--watch is for one picture, and several sources are named", "name one picture")
        check_window(placement, ())
        playback.check_several(ends=request.duration is not None)
        return batch(sources, request)
    return _run_one(sources[0], request, watch=watch, is_default=not named)


def _run_shard(manifest: str | None, shard: str | None) -> int:
    """Dream a shard, and return the exit code. Raises ArgumentError if anything else is given."""
    if manifest is None:
        raise ArgumentError("--shard needs a manifest", "name it with --manifest")
    context = click.get_current_context()
    given = [
        param
        for param in context.command.params
        if param.name not in ("manifest", "shard", "progress")
        and context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        and context.params.get(param.name or "")
    ]
    if given:
        text = f"{given[0].opts[-1]} cannot be given with --manifest"
        raise ArgumentError(text, "the manifest decides that; plan again to change it")
    from livedream.cli.tasks.shards import dream_shard

    return dream_shard(manifest, shard)


def _request(options: Mapping[str, Any], playback: PlaybackOptions) -> Request:
    """Return what the options of the command ask for, except sinks, tour and window.

    Raises ArgumentError for values that are wrong or cannot be combined.
    """

    def parsed(name: str, parse: Callable[[str], Value]) -> Value | None:
        return None if options[name] is None else parse(options[name])

    if options["end"] is not None and options["duration"] is not None and not playback.loop:
        raise ArgumentError("--end and --duration cannot be combined", "leave out one of them")
    request = Request(
        preset=options["preset"],
        controls=given_controls(options),
        size=parsed("size", parse_size),
        rate=parsed("rate", parse_rate),
        start=parsed("start", parse_moment),
        end=parsed("end", parse_moment),
        duration=parsed("duration", parse_length),
        encoding=Encoding(codec=options["codec"], quality=options["quality"], hardware=options["hardware"]),
        overwrite=options["overwrite"],
        recipe=not options["no_recipe"],
        resume=options["resume"],
        fps=parsed("fps", parse_rate),
        fixed=options["fixed"],
        fresh=options["fresh"],
        playback=playback,
    )
    if request.fps is not None and request.fixed:
        raise ArgumentError("--fps and --fixed cannot be combined", "leave out one of them")
    return request


def _run_one(source: str, request: Request, *, watch: bool, is_default: bool) -> int:
    """Dream a single source, and return the exit code. is_default: whether the user named none."""
    from livedream.cli.tasks.dream import dream
    from livedream.cli.tasks.watch import is_shown_picture
    from livedream.cli.tasks.watch import watch as watch_picture

    if watch or is_shown_picture(source, request):
        if request.resume:
            raise ArgumentError("a picture in a window cannot be resumed", "leave out --resume")
        if request.playback != PlaybackOptions():
            text = "--loop, --speed and --sound have no effect on the steps of a picture"
            raise ArgumentError(text, "leave them out")
        return watch_picture(source, request)
    try:
        return dream(source, request)
    except SourceError as error:
        if is_default:
            error.hint = Hint("; ".join(filter(None, [error.hint.command_line, "try: livedream run demo"])))
        raise


run.params += [
    tour_option(),
    *playback_options(),
    *window_options(),
    no_recipe_option(),
    progress_option(),
    *control_options(),
]
