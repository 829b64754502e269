"""`livedream doctor`: what is there, what is missing, and what helps."""

import dataclasses
import json

import click

from livedream.cli.activity import Activity
from livedream.cli.output import say, say_lines


@click.command(short_help="Look at this machine: what is missing, and what helps.")
@click.option("--json", "as_json", is_flag=True, help="print one JSON list instead of lines")
def doctor(as_json: bool) -> int:
    """Look at everything that livedream needs or can use: packages, device and speed, networks, cameras, display,
    virtual camera, encoders, disk. Each line is ok or missing, and then says what helps. Opens no camera.

    The exit code is 1 when something is missing without which nothing can be dreamt.
    """
    from livedream.doctor import examine

    found = []
    with Activity("examining this machine"):
        for finding in examine():
            found.append(finding)
            if not as_json:
                say(f"{'ok' if finding.ok else 'missing':7}  {finding.name}: {finding.text}")
                if finding.cure:
                    say(f"{'':9}{finding.cure}")
    if as_json:
        say_lines(json.dumps([dataclasses.asdict(finding) for finding in found], indent=1))
    return int(any(finding.needed and not finding.ok for finding in found))
