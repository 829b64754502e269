"""Somebody's first ten minutes, in a fresh clone with an environment of its own: scripts/test -m soak -k newcomer

Downloads what scripts/demo downloads, 3 GB on Linux, as far as pip's cache lacks it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import count_frames

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOTEBOOK = """
import re
import nbclient, nbformat

page = open("docs/how-to/python.md", encoding="utf-8").read()
cells = re.findall(r"```python\\n(.*?)```", page, re.DOTALL)
cells.append("import numpy; Dreamer()(numpy.asarray(picture.resize((96, 64))))")
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
done = nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
print("python.md shows", sorted(done.cells[-1].outputs[0].data))
"""


class Newcomer:
    """Types commands into a shell whose current folder is the clone."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "livedream"
        cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True).stdout
        home = {"HOME": str(folder), "PIP_CACHE_DIR": cache.strip()}
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LANG"))}
        # Without the environment in which the tests run: its Python would say that all is installed.
        venv = str(Path(sys.executable).parent)
        path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != venv)
        self.environment = {**kept, **home, "PATH": path}

    def types(self, command: str, code: int = 0) -> str:
        """Run a command, check its exit code and return what it said."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}"
        assert "Traceback" not in done.stdout, f"{command}\n{done.stdout}"
        return done.stdout


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="this is no clone")
def test_first_ten_minutes_of_a_newcomer(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(tmp_path / "livedream")], check=True)
    newcomer = Newcomer(tmp_path)
    clone, types = newcomer.clone, newcomer.types

    said = types("scripts/demo --preset clay")
    assert "download: " in said
    assert "preset clay" in said
    assert said.endswith("or, without activating anything: .venv/bin/livedream run\n")
    assert count_frames(clone / "dream.mp4") >= 132
    assert types("git status --porcelain") == ""

    path = types("source .venv/bin/activate && echo $PATH").strip()
    newcomer.environment["PATH"] = path
    if "no camera" in types("livedream cameras"):
        assert re.search("hint: .*livedream run demo", types("livedream run", code=1))
    small = "-vf scale=320:-2"
    types(f"ffmpeg -v error -i dream.mp4 {small} -frames:v 1 photo-dream.jpg {small} -t 1 film-dream.mkv")
    types("mv photo-dream.jpg ../photo.jpg && mv film-dream.mkv ../film.mkv")
    assert "photo-dream.png" in types("cd .. && livedream run photo.jpg")
    assert "film-dream.mp4" in types("cd .. && livedream run film.mkv --to film-dream.mp4")
    assert "photo-dive.mp4" in types("cd .. && livedream zoom photo.jpg --length 1 --still-height 128")
    assert {"photo-dream.png", "film-dream.mp4", "photo-dive.mp4"} <= {path.name for path in tmp_path.iterdir()}

    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    types("python ../program.py")
    assert count_frames(clone / "python-dream.mp4") == 132

    types("pip install --quiet ipykernel nbclient nbformat")
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    types("cp ../photo.jpg . && cp ../film.mkv film.mp4 && mv python-dream.mp4 ..")
    assert "python.md shows ['image/png', 'text/plain']" in types("python ../notebook.py")
    types("rm photo.jpg film.mp4")
    assert types("git status --porcelain") == ""
