"""What livedream finds on this machine, and what helps where something is missing."""

from collections.abc import Iterator

from livedream.doctor.finding import Finding as Finding


def examine() -> Iterator[Finding]:
    """Look at everything that livedream needs or can use, one thing after the other. Takes some seconds."""
    from livedream.doctor import ends, engine, machine

    yield from machine.findings()
    yield from engine.findings()
    yield from ends.findings()
