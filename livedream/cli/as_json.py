"""Output for programs: one JSON object, whose keys docs/reference/json.md lists."""

import json
from collections.abc import Mapping
from typing import Any

import click

from livedream.cli.console import say_lines

SCHEMA_VERSION = 1
"""Goes up when a key goes away or changes its meaning; new keys leave it as it is."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines")


def say_json(document: Mapping[str, Any]) -> None:
    """Print `document` with the version of its form."""
    say_lines(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=1))
