"""scripts/benchmark, without measuring anything."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "benchmark"


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    loader = importlib.machinery.SourceFileLoader("benchmark_script", str(SCRIPT))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "bounds_table", lambda sizes: [])
    monkeypatch.setattr(module, "has_bfloat16", lambda: False)
    monkeypatch.setattr(
        module,
        "page",
        lambda rows, left_out, *found: [*rows, *left_out, *(f"{each}" for each in found if each != [])],
    )
    monkeypatch.setattr(module, "look", lambda folder: "looks")
    monkeypatch.setattr(module, "beside_busy", lambda rounds, folder: f"busy in {rounds}")
    monkeypatch.setattr(module, "start_to_end", lambda rounds, folder: f"process in {rounds}")
    monkeypatch.setattr(module, "beside", lambda rounds: f"popular in {rounds}")
    return module


def test_a_row_is_measured_anew_and_the_others_stay(benchmark, monkeypatch, tmp_path) -> None:
    measured = []

    def measure(case, rounds, still, seconds, folder):
        measured.append((case.name, still, seconds))
        return {"run": len(measured)}

    monkeypatch.setattr(benchmark, "measure", measure)
    benchmark.main(["--still", "300", "--seconds", "60"])
    first = [name for name, *_ in measured]
    assert ("live, 640x360", 300, 60) in measured
    assert ("tiger, 1280x720", 0, 10) in measured
    assert "vgg16, float32, 640x360" in first
    assert "vgg16, bfloat16, 640x360" not in first

    measured.clear()
    benchmark.main(["--only", "steady"])
    assert measured == [("steady, 640x360", 10_000, 10)]
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(kept["rows"]) == first
    assert kept["rows"]["steady, 640x360"] == {"run": 1}
    assert kept["rows"]["vgg16, float32, 640x360"] == {"run": first.index("vgg16, float32, 640x360") + 1}
    assert kept["popular"] == "popular in 3"
    lines = (tmp_path / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    assert lines[: len(first)] == first
    assert "vgg16, bfloat16, 640x360" in lines
    assert lines[-4:] == ["looks", "popular in 3", "busy in 3", "process in 3"]


def test_an_interrupted_run_keeps_what_it_has(benchmark, monkeypatch, tmp_path) -> None:
    def measure(case, rounds, still, seconds, folder):
        if case.speed_only:
            raise KeyboardInterrupt
        return {}

    monkeypatch.setattr(benchmark, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        benchmark.main([])
    assert "steady, 640x360" in json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"]


def test_looks_are_measured_alone(benchmark, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(benchmark, "measure", None)
    monkeypatch.setattr(benchmark, "beside", None)
    benchmark.main(["--only", "looks"])
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert (kept["rows"], kept["looks"], kept["popular"]) == ({}, "looks", None)


def test_an_unknown_row_is_named(benchmark, capsys) -> None:
    with pytest.raises(SystemExit):
        benchmark.main(["--only", "nonsense"])
    assert "no row contains 'nonsense': choose from film, 1280x720; " in capsys.readouterr().err
