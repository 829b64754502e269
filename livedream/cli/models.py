"""`livedream models`: the networks."""

import click

from livedream.cli.output import say
from livedream.models import network_table


@click.command(short_help="List the networks and their layers.")
def models() -> None:
    """List the networks: name, where its weights are, and the layers that dream well, from shallow to deep."""
    for network in network_table():
        say(f"{network.name} ({network.note})")
        width = max(len(layer) for layer, _ in network.layers)
        for layer, look in network.layers:
            say(f"  {layer.ljust(width)}  {look}")
