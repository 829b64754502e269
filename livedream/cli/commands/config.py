"""`livedream config`: the persistent settings, and where each is set."""

import click

from livedream.cli.as_json import json_option, say_json
from livedream.cli.config_defaults import warn_of_misspelled_variables
from livedream.cli.console import say, say_table
from livedream.configuration import EXAMPLE, KEYS, config_file, persistent_settings, variable


@click.command(short_help="Show the persistent settings: config file and variables.")
@json_option
def config(as_json: bool) -> None:
    """Show the path of the config file, and each persistent setting with the place where it is set.

    An option on the command line wins over a variable, and a variable over the file.
    """
    path = config_file()
    warn_of_misspelled_variables()
    chosen = persistent_settings()
    if as_json:
        values = {key: {"value": choice.value, "origin": choice.origin} for key, choice in chosen.items()}
        say_json({"config_file": str(path), "exists": path.is_file(), "choices": values})
        return
    say(f"{path}{'' if path.is_file() else f' (does not exist; example of a line: {EXAMPLE})'}")
    rows = [("key", "value", "set by", "variable")]
    for key in KEYS:
        choice = chosen.get(key)
        rows.append((key, *((choice.value, choice.origin) if choice else ("-", "-")), variable(key)))
    say_table(rows)
