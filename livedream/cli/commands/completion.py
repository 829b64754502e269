"""`livedream completion`: complete commands, options and their values with the Tab key."""

import contextlib
import io
import os
import re

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    PowerShellComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from livedream.cli.console import say_lines

PROGRAM = "livedream"
VARIABLE = "_LIVEDREAM_COMPLETE"
"""The environment variable with which a shell asks for completions."""


class _JoinedComplete(ShellComplete):
    """Completes `--preset=or` as well as `--preset or`.

    click returns the bare value, which zsh substitutes for the whole word, and takes the `=` of bash for a value.
    """

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        if args and args[-1] == "=":
            args = args[:-1]
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if not equals or not option.startswith("--"):
            return found
        return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in found]


class _Bash(_JoinedComplete, BashComplete):
    pass


class _Zsh(_JoinedComplete, ZshComplete):
    pass


class _Fish(_JoinedComplete, FishComplete):
    pass


class _PowerShell(_JoinedComplete, PowerShellComplete):
    def format_completion(self, item: CompletionItem[str]) -> str:
        # The other shells quote what they insert; PowerShell inserts the text as it is.
        if item.type == "plain" and not re.fullmatch(r"[\w./:=-]+", item.value):
            quoted = item.value.replace("'", "''")
            item = CompletionItem(f"'{quoted}'", item.type, item.help)
        return super().format_completion(item)


_CLASSES: tuple[type[ShellComplete], ...] = (_Bash, _Zsh, _Fish, _PowerShell)
SHELLS = {shell.name: add_completion_class(shell) for shell in _CLASSES}


@click.command(short_help="Print a script for completion in a shell.")
@click.argument("shell", metavar="|".join(SHELLS), type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, files, presets, models and layers with the Tab key.

    \b
    bash        eval "$(livedream completion bash)"    in ~/.bashrc (bash 4.4 or later)
    zsh         eval "$(livedream completion zsh)"     in ~/.zshrc, after compinit
    fish        livedream completion fish | source     in ~/.config/fish/config.fish
    powershell  livedream completion powershell | Out-String | Invoke-Expression    in $PROFILE
    """
    say_lines(SHELLS[shell](context.find_root().command, {}, PROGRAM, VARIABLE).source())


def answer(group: click.Group) -> int | None:
    """Print completions if a shell asks for them, and return the exit code; None if no shell asks.

    Nothing else is printed, not even errors: it would end up in the command line that is being typed.
    """
    instruction = os.environ.get(VARIABLE)
    if instruction is None:
        return None
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return shell_complete(group, {}, PROGRAM, VARIABLE, instruction)
        except Exception:  # noqa: BLE001  see above
            return 1
