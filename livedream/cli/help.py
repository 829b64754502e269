"""The help of a command: options in groups, and examples at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

Groups = Mapping[str, Sequence[str]]
"""The names of options by the heading of their group, in the order of the help."""

GROUPS: Groups = {
    "Source": (
        *("--input", "--source-file", "--start", "--end", "--duration", "--loop", "--speed", "--size", "--rate"),
    ),
    "Output": (
        *(
            "--output",
            "--to-file",
            "--overwrite",
            "--resume",
            "--manifest",
            "--shard",
            "--codec",
            "--hardware",
            "--quality",
            "--sound",
        ),
        "--no-recipe",
    ),
    "Look": (
        *("--preset", "--tour", "--layers", "--model", "--weights", "--strength", "--natural-color", "--coarseness"),
        *("--pooling", "--steps", "--still-steps", "--step-size", "--octaves", "--octave-scale", "--smallest-octave"),
        *("--jitter", "--keep", "--temporal-smoothing", "--zoom", "--rotate", "--seed"),
    ),
    "Mask": ("--mask", "--mask-feather", "--mask-strength", "--motion-seconds", "--no-person"),
    "Live": ("--fps", "--fixed", "--fresh", "--still-scene"),
    "Window": ("--watch", "--full-screen", "--monitor", "--position", "--window-title"),
    "Machine": (
        *("--working-height", "--still-height", "--tile-size", "--flow-scale", "--device", "--precision"),
        *("--progress", "--quiet", "--verbose", "--log-level", "--help"),
    ),
}
"""The options of several commands."""
OPTION_WIDTH = 25
"""Columns for the names of an option; longer names get a separate line."""


def groups_with(**own: Sequence[str]) -> Groups:
    """Return GROUPS with the options of a single command before the others of their group, new groups first."""
    taken = {name for names in own.values() for name in names}
    others = {heading: names for heading, names in own.items() if heading not in GROUPS}
    return others | {
        heading: (*own.get(heading, ()), *(name for name in names if name not in taken))
        for heading, names in GROUPS.items()
    }


class GroupedCommand(click.Command):
    """A command whose help lists its options in groups. Options without a group are listed in the last one.

    examples: pairs of a description and a command line.
    """

    def __init__(
        self, *args: Any, groups: Groups = GROUPS, examples: Sequence[tuple[str, str]] = (), **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.groups = groups
        self.examples = examples

    def options_by_group(self, context: click.Context) -> dict[str, list[click.Option]]:
        """Return the visible options by the heading of their group."""
        options = [param for param in self.get_params(context) if isinstance(param, click.Option) and not param.hidden]
        last = list(self.groups)[-1]
        found: dict[str, list[click.Option]] = {}
        for heading, names in self.groups.items():
            of_group = [option for name in names for option in options if name in _names(option)]
            if heading == last:
                named = {name for names in self.groups.values() for name in names}
                of_group = [option for option in options if not named.intersection(_names(option))] + of_group
            if of_group:
                found[heading] = of_group
        return found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, options in self.options_by_group(ctx).items():
            rows = [record for option in options if (record := option.get_help_record(ctx)) is not None]
            _write_heading(formatter, heading)
            with formatter.indentation():
                # Padded, so that the texts of all groups begin in the same column.
                formatter.write_dl([(names.ljust(OPTION_WIDTH), text) for names, text in rows], OPTION_WIDTH)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        if self.examples:
            _write_heading(formatter, "Examples")
            for text, line in self.examples:
                formatter.write(f"  # {text}\n  {line}\n")


def _names(option: click.Option) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def _write_heading(formatter: click.HelpFormatter, heading: str) -> None:
    formatter.write(f"\n{f'--- {heading} '.ljust(formatter.width, '-')}\n")
