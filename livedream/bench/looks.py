"""`livedream bench --looks`: how presets look, and whether another network recognises what is dreamt."""

import datetime
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from livedream.bench.look import SCENES, Look, look_of_film, look_of_scene, look_of_still
from livedream.bench.machine import machine, versions
from livedream.bench.photographs import photograph
from livedream.bench.recognition import recognition
from livedream.bench.throughput import film
from livedream.capture.video import VideoSource
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.settings import DreamSettings

_FILM_SIZE = (640, 360)


def measure_looks(
    presets: Mapping[str, DreamSettings],
    tell: Callable[[str], None],
    command: str = "",
    scenes: Sequence[str] = SCENES,
    stills: int = 20,
) -> dict[str, Any]:
    """Return how `presets` look, as plain values for JSON; `tell` hears what is measured next.

    The rows of `looks` are {preset, scene} and the numbers of Look, those of `recognition` the numbers of Recognition.
    command: what measures the same again. scenes: the photographs. stills: how many of each group must be recognised; 0
    leaves recognition out.

    Raises ArgumentError without scikit-image, and the errors of dreamers.
    """
    photograph(scenes[0])  # what is missing is said before anything is measured
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="livedream-looks-") as folder:
        clip = film("demo", _FILM_SIZE, Path(folder))
        for name, settings in presets.items():
            tell(f"the look of {name}")
            found = run_in_fresh_thread(lambda settings=settings: _looks_of(settings, clip, scenes))  # type: ignore[misc]
            rows += [{"preset": name, "scene": scene, **look._asdict()} for scene, look in found.items()]
    seen: list[dict[str, Any]] = []
    if stills:
        tell("recognition by another network")
        seen = [row._asdict() for row in run_in_fresh_thread(lambda: recognition(count=stills))]
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "looks": rows,
        "recognition": seen,
    }


def _looks_of(settings: DreamSettings, clip: Path, scenes: Sequence[str]) -> dict[str, Look]:
    dreamer = Dreamer(settings)
    with VideoSource(clip) as source:
        found = {"demo film": look_of_film(dreamer, source)}
    found |= {f"{name}, scene": look_of_scene(dreamer, name) for name in scenes}
    return found | {f"{name}, still": look_of_still(dreamer, name) for name in scenes}
