"""What can be done on this machine, and what cannot, from what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from livedream.doctor.finding import Finding


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that cannot be done here."""

    what: str
    because: str
    hint: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be done here, and what cannot."""

    can: tuple[str, ...]
    cannot: tuple[Refused, ...]


_TASKS = (
    ("dream pictures", ()),
    ("dream films", ("h264",)),
    ("dream cameras", ("camera",)),
    ("dream the screen", ("screen",)),
    ("show the dream in a window", ("display",)),
    ("use a virtual camera", ("livedream[virtualcam]", "virtual camera")),
    ("send the dream over the network", ("h264",)),
    ("use a GPU", ("gpu",)),
    ("write H.264", ("h264",)),
    ("write H.265", ("h265",)),
    ("write AV1", ("av1",)),
    ("write VP9", ("vp9",)),
    ("write ProRes", ("prores",)),
    ("write FFV1", ("ffv1",)),
    ("write GIF", ("gif",)),
    ("read HEIC pictures", ("livedream[heic]",)),
    ("read JPEG XL pictures", ("livedream[jxl]",)),
    ("hear the sound of films", ("livedream[sound]",)),
)
"""What people do, and the findings on which each depends beside those without which nothing can be dreamt."""


def reach_verdict(findings: Sequence[Finding]) -> Verdict:
    """Return what can be done by these findings. Of several of a name, as cameras, one that is there is enough."""
    fault = next((finding for finding in findings if finding.needed and not finding.ok), None)
    if fault is not None:
        return Verdict((), (Refused("dream", fault.text, fault.hint),))
    can: list[str] = []
    cannot: list[Refused] = []
    for what, names in _TASKS:
        found = [[finding for finding in findings if finding.name == name] for name in names]
        if not all(found):
            continue  # it was not looked at: no verdict
        missing = next((several[0] for several in found if not any(finding.ok for finding in several)), None)
        if missing is None:
            can.append(what)
        else:
            cannot.append(Refused(what, missing.text, missing.hint))
    return Verdict(tuple(can), tuple(cannot))
