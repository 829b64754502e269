"""The command line, its errors and its exit codes."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from livedream._version import __version__
from livedream.cli.bench import bench
from livedream.cli.cameras import cameras
from livedream.cli.completion import answer, completion
from livedream.cli.completion_values import complete_values
from livedream.cli.config import config
from livedream.cli.config_defaults import take_lasting_choices
from livedream.cli.demo import demo
from livedream.cli.doctor import doctor
from livedream.cli.layers import layers
from livedream.cli.models import models
from livedream.cli.output import Remarks, remark, say_error, say_fault, say_lines, warnings_shown
from livedream.cli.presets import presets
from livedream.cli.run import run
from livedream.cli.streams import lasting_streams
from livedream.cli.visualize import visualize
from livedream.cli.zoom import zoom
from livedream.faults import OUTSIDE, WRONG
from livedream.urls import conceal

SIGINT_CODE = 130
WRITE_FILES = ("run", "demo", "visualize", "layers", "zoom")
"""The commands whose result is a file or a window; that of the others is what they print."""
SPINS = "30000"
"""How often a thread of OpenMP looks for work before it sleeps, read by GNU's OpenMP when torch is loaded.

Less than a millisecond, longer than from one layer of a network to the next: with 2,000 a step on two threads took
20 ms instead of 15, and with 10,000 a dream of 1280x720 went at 67 frames per second instead of 70. The 300,000 of the
default keep a processor busy for milliseconds after each step: a window beside the dream got no time, the decoder and
encoder less.
"""


@dataclass(slots=True)
class _Invocation:
    """What the command line has to know of itself."""

    remarks: Remarks
    writes_files: bool = False
    """Whether the result is a file: then what is said on standard output is by the way."""


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (OSError, EOFError) as error:
            # click would take a broken pipe for one of ours and exit in silence, and the end of a file for Ctrl-C.
            raise _RaisedError from error


class _RaisedError(Exception):
    """Carries what a command raised past click."""


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, message="livedream %(version)s")
def livedream() -> None:
    """Live deep dreaming: a camera, a film or a stream goes in, and a network shows what it sees in it."""


@livedream.result_callback()
@click.pass_context
def _done(context: click.Context, code: int | None) -> int:
    context.obj.writes_files = context.invoked_subcommand in WRITE_FILES
    return code or 0


def _verbose_option() -> click.Option:
    def louder(context: click.Context, option: click.Parameter, count: int) -> None:
        if count:
            context.find_root().obj.remarks.louder(count)

    return click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=louder,
        help="report more; -vv reports everything, with tracebacks",
    )


for command in (run, demo, presets, models, cameras, doctor, bench, visualize, layers, zoom, config, completion):
    command.params.append(_verbose_option())
    take_lasting_choices(command)
    complete_values(command)
    livedream.add_command(command)
livedream.params.append(_verbose_option())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 for success; 1 when the outside world did something wrong, or livedream itself; 2 for a wrong argument; 130, 143
    and 129 when stopped by Ctrl-C, SIGTERM and the end of the terminal. Whatever is raised is told in one line, with
    its traceback only for -vv.
    """
    offered = answer(livedream)
    if offered is not None:
        return offered
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    argv = sys.argv[1:] if argv is None else list(argv)
    for word in argv:
        conceal(word.partition("=")[2] if word.startswith("--") else word)
    with lasting_streams() as out, warnings_shown() as remarks:
        invocation = _Invocation(remarks)
        code = _run(argv, invocation)
        out.flush()
        lost = out.failure
        # `livedream models --json >/full/disk` has lost its result. Who only reads the first lines has all they want.
        if code == 0 and lost is not None and not invocation.writes_files and not isinstance(lost, BrokenPipeError):
            say_error(f"standard output cannot be written: {lost.strerror}", "make room, or choose another place")
            code = OUTSIDE
    return code


def _run(argv: list[str], invocation: _Invocation) -> int:
    try:
        return livedream.main(argv, prog_name="livedream", standalone_mode=False, obj=invocation) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        say_lines(error.format_message())
        return WRONG
    except click.UsageError as error:
        say_error(*_in_our_words(error, argv))
        return WRONG
    except click.Abort as error:  # click's word for KeyboardInterrupt
        remark("stopped")
        return getattr(error.__cause__, "exit_code", SIGINT_CODE)
    except _RaisedError as error:
        return say_fault(error.__cause__ or error).exit_code
    except Exception as error:  # noqa: BLE001  the last place where it can become one line
        return say_fault(error).exit_code


def _in_our_words(error: click.UsageError, argv: Sequence[str]) -> tuple[str, str]:
    """Return what click says as a message and a hint."""
    message = error.message[:1].lower() + error.message[1:].rstrip(".")
    near = getattr(error, "possibilities", None)
    if near:
        return message, f"did you mean {' or '.join(near)}?"
    # Of `-x.mp4` click names the first letter alone.
    dashed = next((word for word in argv if re.fullmatch(r"-[^-=][^=]*\.\w+", word)), None)
    if isinstance(error, click.NoSuchOption) and dashed is not None:
        return f"{message} in {dashed}", f"a name that begins with a dash is written ./{dashed}"
    return message, f"{error.ctx.command_path if error.ctx else 'livedream'} --help tells what there is"
