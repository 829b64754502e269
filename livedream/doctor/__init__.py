"""What livedream finds on this machine, what helps where something is missing, and what can be done here."""

from collections.abc import Iterator

from livedream.doctor.finding import Finding as Finding


def examine() -> Iterator[Finding]:
    """Look at everything that livedream needs or can use, one thing after the other. Takes some seconds."""
    from livedream.doctor import choices, compute, devices, extras, system

    yield from system.findings()
    yield from extras.findings()
    yield from choices.findings()
    yield from compute.findings(choices.settings())
    yield from devices.findings()
