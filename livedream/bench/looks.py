"""`livedream bench --looks`: the looks of presets, and whether another network recognizes their dreams."""

import datetime
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from livedream.bench.look import SCENES, Look, look_of_scene, look_of_still, look_of_video
from livedream.bench.machine import machine, versions
from livedream.bench.photographs import load_photograph
from livedream.bench.recognition import measure_recognition
from livedream.bench.throughput import video_of_size
from livedream.capture.video import VideoSource
from livedream.dream.compute.fresh_thread import run_in_fresh_thread
from livedream.dream.dreamer import Dreamer
from livedream.settings import DreamSettings

_VIDEO_SIZE = (640, 360)


def measure_looks(
    presets: Mapping[str, DreamSettings],
    announce: Callable[[str], None],
    command: str = "",
    scenes: Sequence[str] = SCENES,
    stills: int = 20,
) -> dict[str, Any]:
    """Measure the looks of presets.

    Args:
        presets: settings by name of the preset.
        announce: called with a description of each part before it is measured.
        command: the command line that repeats the measurement, to be stored.
        scenes: names of the photographs.
        stills: number of stills per group for recognition; 0 leaves recognition out.

    Returns:
        Plain values for JSON. The rows of `looks` are {preset, scene} and the fields of Look, those of `recognition`
        the fields of Recognition.

    Raises:
        ArgumentError: scikit-image is not installed; also the errors of dreamers.
    """
    load_photograph(scenes[0])  # raises before anything is measured
    look_rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="livedream-looks-") as folder:
        video = video_of_size("demo", _VIDEO_SIZE, Path(folder))
        for name, settings in presets.items():
            announce(f"the look of {name}")
            looks = run_in_fresh_thread(lambda settings=settings: _looks_of(settings, video, scenes))  # type: ignore[misc]
            look_rows += [{"preset": name, "scene": scene, **look._asdict()} for scene, look in looks.items()]
    recognition_rows: list[dict[str, Any]] = []
    if stills:
        announce("recognition by another network")
        results = run_in_fresh_thread(lambda: measure_recognition(count=stills))
        recognition_rows = [result._asdict() for result in results]
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "looks": look_rows,
        "recognition": recognition_rows,
    }


def _looks_of(settings: DreamSettings, video: Path, scenes: Sequence[str]) -> dict[str, Look]:
    dreamer = Dreamer(settings)
    with VideoSource(video) as source:
        looks = {"demo film": look_of_video(dreamer, source)}
    looks |= {f"{name}, scene": look_of_scene(dreamer, name) for name in scenes}
    return looks | {f"{name}, still": look_of_still(dreamer, name) for name in scenes}
