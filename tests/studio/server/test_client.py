"""The example program that drives a studio."""

import runpy
import sys
from pathlib import Path

from livedream.presets import load_preset

EXAMPLE = Path(__file__).parents[3] / "examples" / "studio_client.py"


def test_the_example_drives_a_studio(own_client, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["studio_client.py", own_client.post("/api/links")["url"], "0.4"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [f"{name}.png: 160x96" for name in ("coral", "dogs", "origami")]
    assert own_client.get("/api/state")["preset"] == "origami"
    for name in ("coral", "dogs", "origami"):
        load_preset(tmp_path / f"{name}.png")  # it carries the settings of its moment
