"""The command line, its errors and its exit codes."""

import os
import sys
from collections.abc import Sequence

import click

from livedream._version import __version__
from livedream.cli.bench import bench
from livedream.cli.cameras import cameras
from livedream.cli.demo import demo
from livedream.cli.doctor import doctor
from livedream.cli.layers import layers
from livedream.cli.models import models
from livedream.cli.output import say_error, say_lines, warnings_shown
from livedream.cli.presets import presets
from livedream.cli.run import run
from livedream.cli.visualize import visualize
from livedream.cli.zoom import zoom
from livedream.errors import ArgumentError, LivedreamError
from livedream.urls import conceal

SIGINT_CODE = 130
SPINS = "30000"
"""How often a thread of OpenMP looks for work before it sleeps, read by GNU's OpenMP when torch is loaded.

Less than a millisecond, longer than from one layer of a network to the next: with 2,000 a step on two threads took
20 ms instead of 15, and with 10,000 a dream of 1280x720 went at 67 frames per second instead of 70. The 300,000 of the
default keep a processor busy for milliseconds after each step: a window beside the dream got no time, the decoder and
encoder less.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, message="livedream %(version)s")
def livedream() -> None:
    """Live deep dreaming: a camera, a film or a stream goes in, and a network shows what it sees in it."""


for command in (run, demo, presets, models, cameras, doctor, bench, visualize, layers, zoom):
    livedream.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 for success, 1 when the outside world did something wrong, 2 for a wrong argument, 130, 143 and 129 when stopped
    by Ctrl-C, SIGTERM and the end of the terminal. An error of livedream itself keeps its traceback.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    for word in sys.argv[1:] if argv is None else argv:
        conceal(word.partition("=")[2] if word.startswith("--") else word)
    try:
        with warnings_shown():
            code = livedream.main(argv, prog_name="livedream", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        say_lines(error.format_message())
        return 2
    except click.UsageError as error:
        say_error(*_in_our_words(error))
        return 2
    except ArgumentError as error:
        say_error(str(error), error.hint)
        return 2
    except LivedreamError as error:
        say_error(str(error), error.hint)
        return 1
    except click.Abort as error:  # click's word for KeyboardInterrupt
        return getattr(error.__cause__, "exit_code", SIGINT_CODE)
    except BrokenPipeError:  # `livedream run --help | head`
        return 0
    return code or 0


def _in_our_words(error: click.UsageError) -> tuple[str, str]:
    """Return what click says as a message and a hint."""
    message = error.message[:1].lower() + error.message[1:].rstrip(".")
    near = getattr(error, "possibilities", None)
    if near:
        return message, f"did you mean {' or '.join(near)}?"
    return message, f"{error.ctx.command_path if error.ctx else 'livedream'} --help tells what there is"
