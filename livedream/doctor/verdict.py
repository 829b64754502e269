"""What works on this machine and what does not, according to the findings."""

from collections.abc import Sequence
from dataclasses import dataclass

from livedream.doctor.finding import Finding


@dataclass(frozen=True, slots=True)
class Refused:
    """A task that does not work here."""

    what: str
    because: str
    hint: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tasks that work here, and those that do not."""

    can: tuple[str, ...]
    cannot: tuple[Refused, ...]


_TASKS = (
    ("dream pictures", ()),
    ("dream videos", ("h264",)),
    ("dream cameras", ("camera",)),
    ("dream the screen", ("screen",)),
    ("show the dream in a window", ("display",)),
    ("dream in the browser with livedream studio", ("livedream[studio]",)),
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
    ("play the sound of videos", ("livedream[sound]",)),
)
"""Tasks of users, each with the findings on which it depends in addition to those that are always needed."""


def reach_verdict(findings: Sequence[Finding]) -> Verdict:
    """Return what works according to `findings`. Of several cameras, one that works is enough."""
    fault = next((finding for finding in findings if finding.needed and not finding.ok), None)
    if fault is not None:
        return Verdict((), (Refused("dream", fault.text, fault.hint),))
    can: list[str] = []
    cannot: list[Refused] = []
    for what, names in _TASKS:
        found = [[finding for finding in findings if finding.name == name] for name in names]
        if not all(found):
            continue  # not checked, so no verdict
        missing = next((several[0] for several in found if not any(finding.ok for finding in several)), None)
        if missing is None:
            can.append(what)
        else:
            cannot.append(Refused(what, missing.text, missing.hint))
    return Verdict(tuple(can), tuple(cannot))
