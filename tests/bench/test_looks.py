import json
import sys

import pytest

from livedream.bench.recognition import Recognition, measure_recognition
from livedream.cli.main import main

QUICK = (
    *("--model", "squeezenet", "--layers", "fire4", "--still-steps", "1", "--still-height", "96"),
    *("--temporal-smoothing", "0"),  # of a few frames, a part of the dream would be too faint for a slope
)


@pytest.fixture
def quick(monkeypatch):
    """Scenes of few frames, and made-up recognition."""
    monkeypatch.setattr("livedream.bench.look.VIDEO_FRAMES", 3)
    monkeypatch.setattr("livedream.bench.look.SCENE_FRAMES", 2)
    made_up = [Recognition("dogs", "squeezenet", "efficientnet_lite0", 20, 13, 1)]
    monkeypatch.setattr("livedream.bench.looks.measure_recognition", lambda count: made_up)


def test_bench_says_and_writes_how_presets_look(quick, tmp_path, capsys) -> None:
    target = tmp_path / "looks.json"
    assert main(["bench", "--looks", "live,still", *QUICK, "--json", str(target)]) == 0
    found = json.loads(target.read_text(encoding="utf-8"))
    rows = [(row["preset"], row["scene"]) for row in found["looks"]]
    scenes = ["demo film"]
    scenes += [f"{name}, scene" for name in ("astronaut", "chelsea", "coffee", "rocket")]
    scenes += [f"{name}, still" for name in ("astronaut", "chelsea", "coffee", "rocket")]
    assert rows == [(preset, scene) for preset in ("live", "still") for scene in scenes]
    assert all(row["strength"] > 0 and row["slope"] < 0 and row["chroma_over_luma"] > 0 for row in found["looks"])
    assert found["recognition"][0]["recognised"] == 13
    assert found["command"].startswith("livedream bench --looks live,still --model squeezenet")
    shown = capsys.readouterr().out
    first = found["looks"][0]
    assert f"live, demo film: chroma / luma {first['chroma_over_luma']:.2f}, slope {first['slope']:.2f}" in shown
    assert "dogs by squeezenet: efficientnet_lite0 recognises 13 of 20 stills, 1 of their sources" in shown


def test_an_unknown_preset_is_named(capsys) -> None:
    assert main(["bench", "--looks", "live,lively"]) == 2
    shown = capsys.readouterr()
    assert "unknown preset: lively" in shown.err
    assert "measuring" not in shown.out


def test_without_scikit_image_nothing_is_measured(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    assert main(["bench", "--looks", "live"]) == 2
    shown = capsys.readouterr()
    assert "needs scikit-image" in shown.err
    assert "pip install 'livedream[test]'" in shown.err
    assert "measuring" not in shown.out


def test_each_network_dreams_for_the_other(monkeypatch) -> None:
    """Two stills each: one of a photograph, one of noise."""
    monkeypatch.setattr("livedream.bench.recognition.SIZE", (120, 80))
    found = measure_recognition(("dogs",), count=2)
    assert [row[:4] for row in found] == [
        ("dogs", "squeezenet", "efficientnet_lite0", 2),
        ("dogs", "efficientnet_lite0", "squeezenet", 2),
    ]
    assert all(0 <= row.recognised <= 2 and row.before == 0 for row in found)
