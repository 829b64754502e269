"""The programs in examples/: each runs, with small inputs, without a camera and without a display."""

import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from livedream import open_source

EXAMPLES = Path(__file__).parents[1] / "examples"
CASES = {
    "webcam.py": ("clip.mp4", "null", "out.mp4"),
    "video.py": ("clip.mp4", "out.mp4"),
    "photograph.py": ("photo.png", "out.png"),
    "virtual_camera.py": ("clip.mp4", "null"),
    "custom_objective.py": ("clip.mp4", "out.mp4"),
    "own_source.py": ("out.mp4",),
    "own_sink.py": ("demo", "null", "1"),
    "zoom.py": ("photo.png", "out.mp4", "3"),
}
"""The arguments in place of a camera, a window and a long video."""
FRAMES = {
    "webcam.py": 3,
    "video.py": 3,
    "photograph.py": 1,
    "custom_objective.py": 3,
    "own_source.py": 50,
    "zoom.py": 3,
}


@pytest.mark.parametrize("name", CASES)
def test_an_example_runs(
    name: str,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_clip("clip.mp4", frames=3)
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *CASES[name]])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert capsys.readouterr().out or name == "virtual_camera.py"
    for output in tmp_path.glob("out.*"):
        with open_source(output) as source:
            assert len(list(source)) == FRAMES[name]
    assert (name in FRAMES) == bool(list(tmp_path.glob("out.*")))


def test_every_example_is_run_and_described() -> None:
    programs = {path.name for path in EXAMPLES.glob("*.py")}
    assert programs == {*CASES, "studio_client.py"}  # tests/studio/server/test_client.py runs that one
    described = re.findall(r"\]\((\S+)\) \|", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert sorted(described) == sorted([*programs, "notebook.ipynb"])


@pytest.mark.timeout(300)
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    nbclient: Any = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [
        kind
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        for kind in output.get("data", {})
    ]
    assert shown.count("image/png") == 3
    assert (tmp_path / "dream.mp4").exists()
