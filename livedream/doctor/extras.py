"""The optional packages: livedream[heic] and the others."""

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from livedream.doctor.finding import Finding

FOR_DEVELOPERS = ("docs", "test", "wheels")


def findings() -> Iterator[Finding]:
    """Yield whether each extra is installed; nothing if livedream itself is not."""
    try:
        about = metadata.metadata("livedream")
        wanted = [Requirement(line) for line in metadata.requires("livedream") or ()]
    except metadata.PackageNotFoundError:  # the findings about the system report it
        return
    for extra in about.get_all("Provides-Extra") or ():
        packages = [line for line in wanted if _belongs(line, extra)]
        if packages and extra not in FOR_DEVELOPERS:
            yield _extra(extra, packages)


def _extra(name: str, wanted: list[Requirement]) -> Finding:
    good, bad = [], []
    for requirement in wanted:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            bad.append(f"{requirement.name} is not installed")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            good.append(f"{requirement.name} {version}")
        else:
            bad.append(f"{requirement.name} {version} is installed, but {requirement.specifier} is required")
    title = f"livedream[{name}]"
    if bad:
        return Finding(title, False, "; ".join(bad), f"pip install '{title}'")
    return Finding(title, True, ", ".join(good))


def _belongs(requirement: Requirement, extra: str) -> bool:
    """Return whether only `extra` has this requirement, on this machine."""
    marker = requirement.marker
    return marker is not None and not marker.evaluate({"extra": ""}) and marker.evaluate({"extra": extra})
