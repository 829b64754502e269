import json
from fractions import Fraction

import numpy as np
import pytest

from livedream import models
from livedream.bench.baseline import Baseline
from livedream.cli.main import main
from livedream.dream.dreamer import Dreamer
from livedream.dream.grammar import parse
from livedream.frame import Frame
from livedream.settings import DreamSettings

QUICK = (
    *("--size", "400x226", "--working-height", "64", "--layers", "fire4", "--precision", "float32"),
    *("--rounds", "1", "--frames", "10", "--seconds", "2", "--still", "201"),
)


def test_bench_says_and_writes_everything(tmp_path, capsys) -> None:
    target = tmp_path / "bench.json"
    assert main(["bench", *QUICK, "--json", str(target)]) == 0
    found = json.loads(target.read_text(encoding="utf-8"))
    for rate in ("fps", "fps_encoded", "fps_bare", "fps_baseline", "strength", "first_frame_s", "peak_rss_mb"):
        assert found[rate] > 0, rate
    stages = {"capture", "resize", "motion", "upload", "warp", "ascent", "download", "compose", "encode"}
    assert set(found["stages"]) == stages
    assert all(0 <= p50 <= p95 for p50, p95 in found["stages"].values())
    assert 0 < found["age_ms"]["p50"] <= found["age_ms"]["p95"] <= found["age_ms"]["max"]
    assert found["bound"]["roofline"] == pytest.approx(found["bound"]["bound_ms"] / found["bound"]["step_ms"])
    assert set(found["drift"]) == {"clean", "noise"}
    assert found["settings"]["layers"] == "fire4"
    shown = capsys.readouterr().out
    assert "layers fire4" in shown
    assert f"fps {found['fps']:.1f}" in shown


@pytest.mark.parametrize(
    ("wrong", "code", "line"),
    [
        (["--size", "100x100"], 2, "frames of 384x64 at least, got 100x100"),
        (["--size", "big"], 2, "'big' is no size"),
        (["--json", "nowhere/b.json"], 2, "no folder for nowhere/b.json"),
        (["--source", "nothing.mp4"], 1, "nothing.mp4"),
    ],
)
def test_wrong_words_are_one_line(wrong, code, line, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *wrong]) == code
    assert line in capsys.readouterr().err


def test_the_baseline_dreams_the_same_dream() -> None:
    """It is no straw man: without jitter its dream is ours, but for the rounding of resized pictures."""
    size = (192, 128)
    settings = DreamSettings(layers="fire4", working_height=128, octaves=1, jitter=0, precision="float32")
    plain = Baseline(settings, models.load("squeezenet"), parse("fire4"), size)
    dreamer = Dreamer(settings)
    random = np.random.default_rng(0)
    film = [random.integers(60, 200, (128, 192, 3), np.uint8)] * 4
    for number, pixels in enumerate(film):
        ours = dreamer(Frame(pixels, Fraction(number), number)).pixels.astype(int) - pixels
        theirs = plain(pixels).astype(int) - pixels
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
