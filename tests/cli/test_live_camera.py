"""A network camera, dreamt and recorded from the command line, killed and brought back, and ended by Ctrl-C."""

import itertools
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tests.capture.cameras import NetworkCamera
from tests.capture.stamps import drift
from tests.capture.watching import until
from tests.films import ffprobe, read_film


@pytest.mark.needs_ffmpeg
def test_recording_of_a_camera_that_was_lost(tmp_path: Path) -> None:
    """With strength 0 the pictures tell when they were made: the recording's clock must be theirs, over the gap too."""
    film, said = tmp_path / "take.mp4", tmp_path / "said"
    camera = NetworkCamera("clock")
    camera.start()
    try:
        command = [sys.executable, "-m", "livedream", "run", camera.address, "--to", str(film)]
        with said.open("w") as file:
            run = subprocess.Popen(
                [*command, "--strength", "0", "--working-height", "32"],
                stdout=file,
                stderr=file,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        try:
            part = [film, film.with_suffix(".part.mp4")]
            until(lambda: any(path.exists() and path.stat().st_size > 3000 for path in part), 60)
            camera.kill()
            until(lambda: "; reconnecting" in said.read_text())
            camera.start()
            until(lambda: " is back after " in said.read_text())
            size = max(path.stat().st_size for path in part if path.exists())
            until(lambda: max(path.stat().st_size for path in part if path.exists()) > size + 3000)
            run.send_signal(signal.SIGINT)
            assert run.wait(20) == 130, said.read_text()
        finally:
            run.kill()
            run.wait()
    finally:
        camera.kill()
    text = said.read_text()
    assert "Traceback" not in text
    assert "written: " in text
    frames = read_film(film)
    assert len(ffprobe(film, "v", "packet=pts_time")) == len(frames)
    assert drift(frames) < 0.4
    assert max(b - a for (a, _), (b, _) in itertools.pairwise(frames)) > Fraction(1, 4)
