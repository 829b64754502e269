"""Examines this machine: what livedream finds, how to fix what is missing, and what works here."""

from collections.abc import Iterator

from livedream.doctor.finding import Finding as Finding


def examine() -> Iterator[Finding]:
    """Check everything that livedream needs or can use. Takes a few seconds."""
    from livedream.doctor import choices, compute, devices, extras, system

    yield from system.findings()
    yield from extras.findings()
    yield from choices.findings()
    yield from compute.findings(choices.settings())
    yield from devices.findings()
