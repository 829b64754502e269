"""Python, the packages and the disk."""

import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from platformdirs import user_cache_path

from livedream._version import __version__
from livedream.doctor.finding import Finding

OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
"""Four packages that all provide cv2: one is enough, and two conflict (opencv/opencv-python#370)."""
LITTLE = 10**9
"""Bytes of free disk below which it warns: ten minutes of video, or two networks."""


def findings() -> Iterator[Finding]:
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("livedream", True, f"{__version__}, Python {platform.python_version()}, {system}")
    yield from packages()
    yield disk(Path.cwd(), "disk")
    yield disk(user_cache_path("livedream"), "cache")


def packages() -> Iterator[Finding]:
    """Yield whether each required package is installed in a supported version."""
    try:
        wanted = [Requirement(line) for line in metadata.requires("livedream") or ()]
    except metadata.PackageNotFoundError:
        yield Finding("packages", False, "livedream itself is not installed", "pip install livedream")
        return
    good = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        names = OPENCV if requirement.name in OPENCV else (requirement.name,)
        found = {name: version for name in names if (version := _version(name)) is not None}
        for name, version in found.items():
            if requirement.specifier.contains(version, prereleases=True):
                good.append(f"{name} {version}")
            else:
                text = f"{name} {version} is installed, but {requirement.specifier} is required"
                yield Finding("packages", False, text, f"pip install '{requirement}'", needed=True)
        if not found:
            yield Finding("packages", False, f"{requirement.name} is missing", f"pip install '{requirement}'", True)
        if len(found) > 1:
            hint = f"pip uninstall {' '.join(found)}; pip install {next(iter(found))}"
            yield Finding("packages", False, f"{' and '.join(found)} conflict", hint)
    if good:
        yield Finding("packages", True, ", ".join(good))


def disk(folder: Path, name: str) -> Finding:
    """Return the free space for videos or networks in `folder`, which need not exist yet."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 10**9:.1f} GB free in {folder}"
    return Finding(
        name, free >= LITTLE, text, "" if free >= LITTLE else "free some disk space, or work in another folder"
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
