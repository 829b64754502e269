import contextlib
import json
import shlex
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livedream.bench import measure, temporal_stability
from livedream.bench.cold_start import measure_cold_start
from livedream.bench.throughput import mask_cost, without_mask
from livedream.cli.main import main
from livedream.dream.dreamer import Dreamer
from livedream.settings import DreamSettings

QUICK = (
    *("--size", "400x226", "--working-height", "64", "--layers", "fire4 + tv", "--precision", "float32"),
    *("--frames", "10", "--seconds", "2", "--steps", "1", "--octaves", "1"),
)
# The measurements, and how they were made.
MEASURED = {
    *("fps", "fps_encoded", "fps_bare", "fps_baseline", "step_ms", "bound_ms", "roofline", "stages", "age_ms"),
    *("dropped", "first_frame_s", "peak_rss_mb", "flicker", "flicker_source", "strength", "drift"),
}
PROVENANCE = {
    *("size", "source", "preset", "rounds", "frames", "still", "command", "date", "machine", "versions", "settings"),
    *("description", "work", "age_tenths_ms", "age_slow_ms", "peak_vram_mb", "mask"),
}
STAGES = {"capture", "resize", "motion", "upload", "ascent", "download", "compose", "encode"}


@pytest.fixture
def few_frames(monkeypatch) -> None:
    """Everything is measured, but of fewer frames: rates and bounds have their own tests."""
    assert measure.WARM_UP_FRAMES + measure.FLICKER_FRAMES == 60  # as the help says
    monkeypatch.setattr(measure, "WARM_UP_FRAMES", 4)
    monkeypatch.setattr(measure, "FLICKER_FRAMES", 10)
    for module in (measure, temporal_stability):
        monkeypatch.setattr(module, "SETTLED", 20)
    monkeypatch.setattr("livedream.bench.roofline._ROUNDS", 1)


@pytest.mark.usefixtures("few_frames")
def test_bench_says_and_writes_everything(tmp_path, capsys) -> None:
    target = tmp_path / "bench.json"
    masked = ("--mask", "still", "--frames", "14", "--still", "22")
    assert main(["bench", *QUICK, *masked, "--json", str(target)]) == 0
    found = json.loads(target.read_text(encoding="utf-8"))
    assert set(found) == MEASURED | PROVENANCE
    for what in MEASURED - {"stages", "age_ms", "drift", "dropped"}:
        assert found[what] > 0, what
    assert found["roofline"] == pytest.approx(found["bound_ms"] / found["step_ms"])
    assert set(found["stages"]) >= STAGES
    assert all(0 <= stage["p50"] <= stage["p95"] for stage in found["stages"].values())
    assert 0 < found["age_ms"]["p50"] <= found["age_ms"]["p95"] <= found["age_ms"]["max"]
    assert set(found["drift"]) == {"clean", "noise"}
    assert found["drift"]["clean"]["flicker_source"] == 0
    assert found["drift"]["noise"]["flicker_source"] == pytest.approx(3 * 2**0.5 * (2 / np.pi) ** 0.5, rel=0.1)
    assert found["settings"]["layers"] == "fire4 + tv"
    assert (found["size"], found["source"], found["preset"], found["rounds"]) == ("400x226", "demo", "live", 3)
    shown = capsys.readouterr().out
    assert "layers fire4 + tv" in shown
    assert f"fps {found['fps']:.1f}" in shown
    mask = found["mask"]
    assert set(mask) == {"ms", "cpu_ms", "fps_unmasked", "age_ms"}
    assert mask["fps_unmasked"] > 0
    assert 0 < mask["age_ms"]["p50"] <= mask["age_ms"]["p95"]
    assert f"mask still: {mask['ms']:+.1f} ms a frame" in shown
    words = shlex.split(found["command"])
    assert words[:2] == ["livedream", "bench"]
    assert words[words.index("--layers") + 1] == "fire4 + tv"


@pytest.mark.usefixtures("few_frames")
def test_what_is_left_out_is_null(tmp_path, make_clip) -> None:
    source, target = make_clip(size=(400, 226)), tmp_path / "bench.json"
    words = ["--source", str(source), "--still", "0", "--no-baseline", "--json", str(target)]
    assert main(["bench", *QUICK, *words]) == 0
    found = json.loads(target.read_text(encoding="utf-8"))
    assert found["fps_baseline"] is None
    assert found["flicker"] is found["flicker_source"] is found["strength"] is None
    assert found["drift"] == {}
    assert found["mask"] is None
    assert found["source"] == str(source)


def test_the_cost_of_a_mask_is_the_median_difference_of_runs_that_took_turns() -> None:
    rates = {"fps_unmasked": [100, 50, 200], "fps": [50, 40, 125]}  # 10, 5 and 3 ms more a frame
    cpu_ms = {"fps_unmasked": [10, 20, 11], "fps": [12, 29, 12]}
    assert mask_cost(rates, cpu_ms) == pytest.approx((5, 2, 100))
    assert mask_cost({"fps": [50]}, {"fps": [12]}) is None


def test_the_same_without_a_mask_differs_in_nothing_else() -> None:
    settings = DreamSettings(mask="still", keep=0.5)
    dreamer = Dreamer(settings)
    with pytest.raises(KeyboardInterrupt), without_mask(dreamer):
        assert dreamer.settings == settings.replace(mask="all")
        raise KeyboardInterrupt
    assert dreamer.settings == settings


def test_a_cold_start_is_timed_from_its_start_to_its_first_frame(tmp_path, monkeypatch) -> None:
    clock = SimpleNamespace(now=100.0)

    class Process(contextlib.nullcontext[Any]):
        """Starts in one second, shows a frame after seven more, and ends much later."""

        returncode = 0

        def __init__(self, command, **pipes) -> None:
            super().__init__(self)
            clock.now += 1
            self.stdout = self.lines()

        def lines(self):
            clock.now += 7
            yield "first frame\n"
            clock.now += 50
            yield '{"peak_rss_mb": 700, "peak_vram_mb": null}\n'

    monkeypatch.setattr("livedream.bench.cold_start.time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr("livedream.bench.cold_start.subprocess.Popen", Process)
    assert measure_cold_start(tmp_path / "video.mp4", 3, DreamSettings()) == (8, 700, None)


def test_a_cold_start_that_fails_is_an_error(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="exit code 1"):
        measure_cold_start(tmp_path / "none.mp4", 3, DreamSettings())


@pytest.mark.parametrize(
    ("wrong", "code", "line"),
    [
        (["--size", "100x100"], 2, "expected at least 384x64, got 100x100"),
        (["--size", "big"], 2, "invalid size 'big'"),
        (["--json", "nowhere/b.json"], 2, "the folder of nowhere/b.json does not exist"),
        (["--source", "nothing.mp4"], 1, "nothing.mp4"),
        (["--rounds", "2"], 2, "2 is not in the range 3<=x<=1000"),
        (["--still", "100"], 2, "drift needs at least 202 still frames, got 100"),
    ],
)
def test_wrong_words_are_one_line(wrong, code, line, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *wrong]) == code
    assert line in capsys.readouterr().err
