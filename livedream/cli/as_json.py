"""Output for programs: one JSON object, with the keys listed in docs/reference/json.md."""

import json
from collections.abc import Mapping
from typing import Any

import click

from livedream.cli.console import say_lines

SCHEMA_VERSION = 1
"""Goes up when a key is removed or changes its meaning. New keys do not change it."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines")


def say_json(document: Mapping[str, Any]) -> None:
    """Print `document` with the version of the schema."""
    say_lines(json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=1))
