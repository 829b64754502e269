"""`livedream config`: the lasting choices, and where each comes from."""

import click

from livedream.cli.as_json import json_option, say_json
from livedream.cli.output import say, say_table
from livedream.configuration import EXAMPLE, KEYS, config_file, lasting_choices, variable


@click.command(short_help="Show the lasting choices: config file and variables.")
@json_option
def config(as_json: bool) -> None:
    """Show the path of the config file, and the choices in force for every run with where each comes from.

    An option of the command line wins over a variable, and a variable over the file.
    """
    path = config_file()
    chosen = lasting_choices()
    if as_json:
        values = {key: {"value": choice.value, "origin": choice.origin} for key, choice in chosen.items()}
        say_json({"config_file": str(path), "exists": path.is_file(), "choices": values})
        return
    say(f"{path}{'' if path.is_file() else f' (not there; write lines such as {EXAMPLE} into it)'}")
    rows = [("key", "value", "set by")]
    for key in KEYS:
        choice = chosen.get(key)
        rows.append((key, choice.value, choice.origin) if choice else (key, "-", f"nothing, nor {variable(key)}"))
    say_table(rows)
