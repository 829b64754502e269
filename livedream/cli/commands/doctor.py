"""`livedream doctor`: what is there, what is missing, and what helps."""

import dataclasses
from typing import TYPE_CHECKING

import click

from livedream.cli.activity import Activity
from livedream.cli.as_json import json_option, say_json
from livedream.cli.console import say

if TYPE_CHECKING:
    from livedream.doctor.verdict import Verdict


@click.command(short_help="Check what works on this machine, and how to fix what does not.")
@json_option
def doctor(as_json: bool) -> int:
    """Look at everything that livedream needs or can use: packages, config file and variables, device and speed,
    networks, cameras, display, virtual camera, encoders, disk. A line with `missing` ends with what to do.
    The last lines say what you can do here, and what you cannot. Opens no camera.

    The exit code is 1 when something is missing without which nothing can be dreamt.
    """
    from livedream._version import __version__
    from livedream.doctor import examine
    from livedream.doctor.verdict import reach_verdict

    found = []
    with Activity("examining this machine"):
        for finding in examine():
            found.append(finding)
            if not as_json:
                say(f"{'ok' if finding.ok else 'missing':7}  {finding.name}: {finding.text}")
                if finding.hint and not finding.ok:
                    say(f"{'':9}{finding.hint}")
    verdict = reach_verdict(found)
    if as_json:
        findings = [dataclasses.asdict(finding) for finding in found]
        say_json({"livedream": __version__, "findings": findings, **dataclasses.asdict(verdict)})
    else:
        _say_verdict(verdict)
    return int(any(finding.needed and not finding.ok for finding in found))


def _say_verdict(verdict: "Verdict") -> None:
    objects: dict[str, list[str]] = {}
    for what in verdict.can:
        verb, _, thing = what.partition(" ")
        objects.setdefault(verb, []).append(thing)
    if objects:
        say("You can: " + "; ".join(f"{verb} {', '.join(things)}" for verb, things in objects.items()))
    if verdict.cannot:
        say("You cannot:")
    for refused in verdict.cannot:
        say(f"  {refused.what}, because {refused.because}")
        if refused.hint:
            say(f"{'':9}{refused.hint}")
