"""The command line, its errors and its exit codes."""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from livedream._version import __version__
from livedream.cli.addresses import looks_like_source
from livedream.cli.commands.bench import bench
from livedream.cli.commands.cameras import cameras
from livedream.cli.commands.completion import answer, completion
from livedream.cli.commands.config import config
from livedream.cli.commands.demo import demo
from livedream.cli.commands.doctor import doctor
from livedream.cli.commands.farm import farm
from livedream.cli.commands.join import join
from livedream.cli.commands.layers import layers
from livedream.cli.commands.models import models
from livedream.cli.commands.plan import plan
from livedream.cli.commands.presets import presets
from livedream.cli.commands.run import run
from livedream.cli.commands.studio import studio
from livedream.cli.commands.visualize import visualize
from livedream.cli.commands.zoom import zoom
from livedream.cli.completion_values import complete_values
from livedream.cli.config_defaults import use_persistent_settings
from livedream.cli.console import (
    LEVELS,
    Remarks,
    begin_silence,
    remark,
    say_error,
    say_fault,
    say_lines,
    warnings_shown,
)
from livedream.cli.streams import lasting_streams
from livedream.errors import unknown
from livedream.faults import OUTSIDE, WRONG
from livedream.urls import redact, register_secrets

SIGINT_CODE = 130
WRITE_FILES = ("run", "studio", "demo", "visualize", "layers", "zoom", "farm", "plan", "join")
"""The commands whose result is a file or a window; the result of the others is what they print."""
SPIN_COUNT = "30000"
"""How often an OpenMP thread polls for work before it sleeps; GNU OpenMP reads it when torch is loaded.

This is less than a millisecond, but longer than the pause between two layers of a network. With 2,000, a step on two
threads took 20 ms instead of 15; with 10,000, a dream at 1280x720 ran at 67 frames per second instead of 70. The
default of 300,000 keeps processors busy for milliseconds after each step: a window got no time, and the decoder and
the encoder got less.
"""


@dataclass(slots=True)
class _Invocation:
    """The state of one call of the command line."""

    remarks: Remarks
    writes_files: bool = False
    """Whether the result is a file; then text on standard output is only information."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added: the most important ones first."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (OSError, EOFError) as error:
            # click would take any broken pipe for that of its output and exit silently, and EOFError for Ctrl-C.
            raise _RaisedError from error


class _RaisedError(Exception):
    """Carries an exception of a command past click."""


_FIRST_STEPS = """\
livedream: live deep dreaming. A camera, a video or a picture goes in, and a neural network shows what it sees in it.

First steps:
  livedream run demo          the demo video in a window; q quits
  livedream run photo.jpg     a picture: writes photo-dream.png
  livedream run film.mp4      a video with its sound: writes film-dream.mp4
  livedream run               the first camera in a window
  livedream studio            a page in the browser with all controls
  livedream presets           lists the looks, for --preset

`livedream --help` lists the commands, `livedream help run` the options of a command."""


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, "-V", "--version", message="livedream %(version)s", help="Show the version and exit")
@click.pass_context
def livedream(context: click.Context) -> None:
    """Live deep dreaming: a camera, a video or a picture goes in, and a neural network shows what it sees in it."""
    context.obj.writes_files = context.invoked_subcommand in WRITE_FILES
    if not context.obj.writes_files:
        context.obj.remarks.command_prints_result()


@livedream.result_callback()
def _done(code: int | None) -> int:
    return code or 0


@click.command(name="help", short_help="Show the help of a command.")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def show_help(context: click.Context, name: str | None) -> None:
    """Show the help of COMMAND, or of livedream."""
    root = context.find_root()
    if name is None:
        say_lines(root.get_help())
        return
    command = livedream.get_command(root, name)
    if command is None:
        raise unknown("command", name, livedream.list_commands(root))
    say_lines(command.get_help(click.Context(command, parent=root, info_name=name)))


def _message_options() -> list[click.Parameter]:
    """Return the options for the amount of output, for the group and for each command."""

    def louder(context: click.Context, option: click.Parameter, count: int) -> None:
        if count:
            context.find_root().obj.remarks.louder(count)

    def silence(context: click.Context, option: click.Parameter, given: bool) -> None:
        if given:
            context.find_root().obj.remarks.print_from(LEVELS["error"])

    def set_level(context: click.Context, option: click.Parameter, name: str | None) -> None:
        if name is not None:
            context.find_root().obj.remarks.print_from(LEVELS[name])

    return [
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=silence, help="Print only errors"),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=louder,
            help="Print more; -vv prints everything, with tracebacks",
        ),
        click.Option(
            ["--log-level"],
            metavar="LEVEL",
            type=click.Choice(list(LEVELS)),
            expose_value=False,
            callback=set_level,
            help="error (as -q), warning, info (as -v) or debug (as -vv)",
        ),
    ]


COMMANDS = (
    *(run, studio, demo, zoom, layers, visualize, farm, plan, join),
    *(presets, models, cameras, doctor, config, completion, bench, show_help),
)
for command in COMMANDS:
    command.params += _message_options()
    use_persistent_settings(command)
    complete_values(command)
    livedream.add_command(command)
livedream.params += _message_options()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 for success; 1 for an error of the environment or of livedream; 2 for a wrong argument; 130, 143 and 129 when
    stopped by Ctrl-C, SIGTERM and a closed terminal. Every exception is reported in one line, with a traceback only
    at -vv.
    """
    completion_code = answer(livedream)
    if completion_code is not None:
        return completion_code
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    argv = sys.argv[1:] if argv is None else list(argv)
    for word in argv:
        register_secrets(word.partition("=")[2] if word.startswith("--") else word)
    begin_silence()
    with lasting_streams() as out, warnings_shown() as remarks:
        invocation = _Invocation(remarks)
        code = _run(argv, invocation)
        out.flush()
        failure = out.failure
        # `livedream models --json >/full/disk` has lost its result. A reader that closes the pipe has what it wants.
        is_lost = failure is not None and not isinstance(failure, BrokenPipeError)
        if code == 0 and failure is not None and is_lost and not invocation.writes_files:
            say_error(
                f"standard output cannot be written: {failure.strerror}",
                "free some disk space, or choose another place",
            )
            code = OUTSIDE
    return code


def _run(argv: list[str], invocation: _Invocation) -> int:
    try:
        return livedream.main(argv, prog_name="livedream", standalone_mode=False, obj=invocation) or 0
    except click.exceptions.NoArgsIsHelpError:
        say_lines(_FIRST_STEPS)
        return WRONG
    except click.UsageError as error:
        say_error(*_usage_error(error, argv))
        return WRONG
    except click.Abort as error:  # click turns KeyboardInterrupt into this
        remark("stopped")
        return getattr(error.__cause__, "exit_code", SIGINT_CODE)
    except _RaisedError as error:
        return say_fault(error.__cause__ or error).exit_code
    except Exception as error:  # noqa: BLE001  the last place where it can become one line
        return say_fault(error).exit_code


def _usage_error(error: click.UsageError, argv: Sequence[str]) -> tuple[str, str]:
    """Return an error of click as a message and a hint."""
    text = error.format_message() if isinstance(error, click.BadParameter) else error.message
    text = text.partition(" Choose from:\n")[0]  # a list over several lines; the metavar has the same choices
    message = text[:1].lower() + text[1:].rstrip(".")
    unknown_command = message.startswith("no such command")
    place = next((place for place, word in enumerate(argv) if unknown_command and repr(word) in message), None)
    if place is not None and looks_like_source(argv[place]):
        line = shlex.join(["livedream", *argv[:place], "run", *argv[place:]])
        return f"{redact(argv[place])} is not a command", f"to dream it: {line}"
    similar = getattr(error, "possibilities", None)
    if similar:
        return message, f"did you mean {' or '.join(similar)}?"
    # For `-x.mp4`, click names only the first letter.
    dashed = next((word for word in argv if re.fullmatch(r"-[^-=][^=]*\.\w+", word)), None)
    if isinstance(error, click.NoSuchOption) and dashed is not None:
        return f"{message} in {dashed}", f"if it is a file name, write ./{dashed}"
    command = next((livedream.commands[word] for word in argv if word in livedream.commands), None)
    path = "livedream" if command is None else f"livedream {command.name}"
    if isinstance(error, click.BadOptionUsage) and command is not None:
        for option in command.params:
            if error.option_name in option.opts and option.metavar is not None:
                return message, f"write {error.option_name} {option.metavar}; {path} --help lists all options"
    extra = re.fullmatch(r"got unexpected extra argument \((.+)\)", message)
    if extra is not None and command is not None and looks_like_source(extra[1]):
        return message, _correction(extra[1], command, argv) or f"{path} --help lists all options"
    return message, f"{path} --help lists all {'commands' if command is None else 'options'}"


def _correction(word: str, command: click.Command, argv: Sequence[str]) -> str:
    """Return the hint for a source or output that `command` does not take as an argument; "" if there is none."""
    if os.path.exists(word):  # noqa: PTH110  accepts names that are too long
        return f"to dream it: {shlex.join(['livedream', 'run', word])}" if command is demo else ""
    if word not in argv or not any(param.name == "sink" for param in command.params):
        return ""
    place = len(argv) - 1 - argv[::-1].index(word)
    return f"to write it: {shlex.join(['livedream', *argv[:place], *argv[place + 1 :], '-o', word])}"
