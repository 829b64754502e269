"""`livedream run`: dream a camera, a film, a stream or pictures."""

import click

from livedream.cli.addresses import SOURCE, TO, sinks_given, sources_given
from livedream.cli.asked import parse_rate, parse_size, parse_tour
from livedream.cli.moment import parse_moment
from livedream.cli.options import control_options, given_controls, tour_option
from livedream.cli.playback_options import PlaybackOptions, given_playback, playback_options
from livedream.cli.request import Request
from livedream.cli.streams import stdout_left_to
from livedream.errors import ArgumentError
from livedream.presets import preset_names
from livedream.sink.codecs import CODECS, QUALITY, Encoding
from livedream.sink.sink import ADDRESSES, DEVICES, FILMS, is_stdout
from livedream.suffixes import PICTURES_OUT


@click.command(
    epilog="A control that is not given is as the preset has it, and else as its default. Keys turn it while a window "
    "is open, for less and for more; the key ? lists them all.",
    short_help="Dream a camera, a film, a stream or pictures.",
)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--to",
    "sinks",
    metavar="SINK",
    multiple=True,
    help=f"{', '.join(DEVICES)}, an address ({'://, '.join(ADDRESSES)}://), "
    f"a film ({', '.join(FILMS)}), a picture ({', '.join(PICTURES_OUT)}), a folder (name/) or numbered names "
    "(out%06d.png) for a picture a frame, - for Y4M on standard output, rgb24:- for raw RGB there; may be repeated; "
    "for several sources a folder, or a pattern (out/*.mkv) in "
    "which * stands for the name of the source "
    "[default: a window for what is live, NAME-dream.mp4 or NAME-dream.png here for the rest]",
)
@click.option(
    "--source-file",
    metavar="FILE",
    help="read SOURCE from a file, one per line: what is typed shows in the list of processes "
    f"[default the variable {SOURCE}]",
)
@click.option(
    "--to-file",
    metavar="FILE",
    help=f"read more sinks from a file, one per line [default the variable {TO}]",
)
@click.option(
    "--preset",
    metavar="NAME",
    help=f"a look: {', '.join(preset_names())}, a file of your own (.toml), or a film or PNG that livedream made "
    "[default film, live for what is live, still for pictures]",
)
@click.option(
    "--size",
    metavar="WxH",
    help="of a camera: what to ask it for [default 1280x720]; of raw pictures on standard input: what they have",
)
@click.option(
    "--rate",
    metavar="N",
    help="frames per second, likewise; how often to look at the screen [default 30]; of numbered pictures "
    "(frames/%06d.png) [default what livedream wrote into them, else 25]",
)
@click.option("--start", metavar="TIME", help="of a film: leave out what is before; seconds or hours:minutes:seconds")
@click.option("--end", metavar="TIME", help="of a film: leave out what is from there on; the sound is cut alike")
@click.option(
    "--codec",
    metavar="NAME",
    default="auto",
    help=f"of films: {', '.join(CODECS)}, or an encoder such as h264_nvenc [default h264; vp9 in .webm, gif in .gif]",
)
@click.option(
    "--quality",
    metavar="N",
    type=int,
    help=f"of films: 0 (small) to 100 (as good as the original), alike in all codecs [default {QUALITY}]",
)
@click.option("--resume", is_flag=True, help="go on with a film where an earlier run was cut off")
@click.option("--watch", is_flag=True, help="of one picture: show each step of its dream [default in a window]")
@click.option("--fps", metavar="N", help="of what is live: hold this rate, and dream no more often [default its own]")
@click.option("--fixed", is_flag=True, help="of what is live: never dream smaller than asked for to hold the rate")
@click.option("--fresh", is_flag=True, help="of a camera: begin as if nothing had been changed in the last live run")
@click.option("--overwrite", is_flag=True, help="replace files that are there already")
def run(
    sources: tuple[str, ...],
    sinks: tuple[str, ...],
    source_file: str | None,
    to_file: str | None,
    preset: str | None,
    size: str | None,
    rate: str | None,
    start: str | None,
    end: str | None,
    codec: str,
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
    **controls: str | None,
) -> int:
    """Dream SOURCE: a camera (its number, or part of its name), a film, a picture, a folder or a pattern of pictures,
    an address (rtsp://..., http://..., udp://...), screen (screen:2, screen:640x480+100+50), - for standard input, or
    demo. Without SOURCE: the first camera, 0.

    Several films and pictures, a folder or a pattern of films are dreamt one by one; what is done already is skipped.
    """
    from livedream.capture.demo import demo_clip
    from livedream.cli.batch import batch
    from livedream.cli.dreaming import dream
    from livedream.cli.jobs import is_batch, named_after
    from livedream.cli.watching import is_shown_picture
    from livedream.cli.watching import watch as watch_it

    sources, playback = given_playback(sources, loop, speed, sound)
    sources, sinks = sources_given(sources, source_file), sinks_given(sinks, to_file)
    click.get_current_context().with_resource(stdout_left_to(sinks))
    given = given_controls(controls)
    encoding = Encoding(codec=codec, quality=quality)
    sources = sources or ("0",)
    if sources == ("demo",) and sinks and all(map(is_stdout, sinks)):
        sources = (str(demo_clip),)  # nobody watches it live: a program wants every frame, and an end
    several = is_batch(sources)
    if not several:
        sinks = tuple(named_after(sources[0], sink) for sink in sinks)
    if not several and encoding != Encoding() and sinks and not any(sink.lower().endswith(FILMS) for sink in sinks):
        raise ArgumentError("--codec and --quality are for films, and none is written", "name one --to out.mp4")
    request = Request(
        sinks=sinks,
        preset=preset,
        controls=given,
        size=None if size is None else parse_size(size),
        rate=None if rate is None else parse_rate(rate),
        start=None if start is None else parse_moment(start),
        end=None if end is None else parse_moment(end),
        encoding=encoding,
        overwrite=overwrite,
        resume=resume,
        fps=None if fps is None else parse_rate(fps),
        fixed=fixed,
        fresh=fresh,
        tour=None if tour is None else parse_tour(tour),
        playback=playback,
    )
    if fps is not None and fixed:
        raise ArgumentError("--fps holds a rate and --fixed does not", "leave out one of them")
    if several:
        if fps is not None or fixed:
            raise ArgumentError("--fps and --fixed are for what is live", "leave them out")
        if watch:
            raise ArgumentError("--watch is for one picture", "name one")
        if playback.is_watched:
            raise ArgumentError("--speed, --sound and an endless loop are for one film", "name one, or use --loop N")
        return batch(sources, request)
    if watch or is_shown_picture(sources[0], request):
        if any(option is not None for option in (size, rate, start, end, fps, tour)) or fixed or fresh or resume:
            hint = "leave out what is for films and cameras"
            raise ArgumentError("a picture in a window has no part, rate, size or tour", hint)
        if playback != PlaybackOptions():
            raise ArgumentError("--watch shows the steps of a dream: no --loop, --speed or --sound", "leave it out")
        return watch_it(sources[0], request)
    return dream(sources[0], request)


run.params += [tour_option(), *playback_options(), *control_options()]
