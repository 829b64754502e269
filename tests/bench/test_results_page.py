import copy
import dataclasses
from typing import Any

import pytest

from benchmarks.results_page import page
from livedream.bench.result import Result
from livedream.settings import DreamSettings


@pytest.fixture
def row() -> dict[str, Any]:
    """A row with made-up numbers, all of them measured."""
    still = {
        "luminance_grown": 1.5,
        "clipped_grown": 0.02,
        "luminance": -0.5,
        "clipped": 0.004,
        "flicker": 3.5,
        "flicker_source": 3.4,
        "rss_growth": 0.001,
    }
    found = Result(
        size="640x360",
        source="demo",
        preset="live",
        rounds=3,
        frames=120,
        still=10_000,
        command="livedream bench --size 640x360",
        date="2001-02-03",
        machine="Abacus, 2 cores, no GPU",
        versions={"livedream": "9.9", "torch": "8.8"},
        settings=dataclasses.asdict(DreamSettings(layers="fire4", keep=0.5)),
        description="cpu float32, squeezenet, fire4",
        fps=90,
        fps_encoded=80,
        fps_bare=100,
        fps_baseline=20,
        step_ms=10,
        bound_ms=7,
        roofline=0.7,
        work={"gflop": 1.5, "million_activations": 10, "gflops_per_second": 600, "gigabytes_per_second": 27},
        stages={"capture": {"p50": 1.5, "p95": 2.5}, "ascent": {"p50": 6, "p95": 7}},
        age_ms={"p50": 20, "p95": 30, "max": 40},
        age_tenths_ms=(21, 22),
        age_slow_ms={"p95": 120, "allowed": 150, "frame": 70, "steps": 5},
        dropped=3,
        first_frame_s=2.5,
        peak_rss_mb=700,
        flicker=2.4,
        flicker_source=2.0,
        strength=13,
        drift={"clean": still, "noise": {**still, "rss_growth": None}},
    )
    return {**found.numbers(), "random": False}


def test_all_of_a_row_is_on_the_page(row) -> None:
    text = "\n".join(page({"small": row}, {}, None, None, ["| arithmetic |"]))
    for line in (
        "- 2001-02-03, Abacus, 2 cores, no GPU; livedream 9.9, torch 8.8\n",
        "| small | 90.0 | 80.0 | 100.0 | 20.0 | 5.00 | 0.90 |",
        "| small | 10.0 | 7.0 | 0.70 | 1.50 | 10.0 | 600 | 27.0 |",
        "| small | 20 / 30 / 40 | 21, 22 | 3 | 120 / 150 | 2.5 | 700 |",
        "| small | 2.40 | 2.00 | 1.20 | 13.0 |",
        "| small, clean | 10000 | +1.50 | -0.50 | +2.00% | +0.40% | 3.50 | 3.40 | +0.10% |",
        "| small, noise | 10000 | +1.50 | -0.50 | +2.00% | +0.40% | 3.50 | 3.40 | - |",
        "- small: capture 1.5/2.5, ascent 6.0/7.0",
        "- small: `livedream bench --size 640x360`: cpu float32, squeezenet, fire4; layers fire4, keep 0.5",
        "| arithmetic |",
        "No row above was measured on a GPU.",
    ):
        assert line in text


def test_what_was_not_measured_is_a_dash(row) -> None:
    row.update(flicker=None, flicker_source=None, strength=None, drift={}, fps_baseline=None, age_slow_ms=None)
    text = "\n".join(page({"quick": row}, {}, None, None, []))
    assert "| quick | 90.0 | 80.0 | 100.0 | - | - | 0.90 |" in text
    assert "| quick | 20 / 30 / 40 | 21, 22 | 3 | - | 2.5 | 700 |" in text
    assert "| quick | - | - | - | - |" in text
    assert "| quick | - | - | - | - | - | - | - | - |" in text


def test_a_mask_stands_beside_the_same_without_it(row) -> None:
    cost = {"ms": 1.54, "cpu_ms": 2.46, "fps_unmasked": 104.5, "age_ms": {"p50": 18, "p95": 27, "max": 30}}
    text = "\n".join(page({"small": row, "masked": {**row, "mask": cost}}, {}, None, None, []))
    assert "| masked | 90.0 | 104.5 | +1.5 | +2.5 | 20 / 30 | 18 / 27 |" in text
    assert "| small | 90.0 | -" not in text
    del row["mask"]  # a row that was measured before there were masks
    assert "The cost of a mask" not in "\n".join(page({"old": row}, {}, None, None, []))


def test_rows_of_two_machines_say_which(row) -> None:
    other = {**copy.deepcopy(row), "machine": "Loom, GPU", "peak_vram_mb": 900, "random": True}
    text = "\n".join(page({"one": row, "two": other}, {"three": "there is no loom"}, None, None, []))
    processor, gpu = text.split("## On a GPU, measured")
    assert "- 2001-02-03, Abacus, 2 cores, no GPU; livedream 9.9, torch 8.8\n" in processor
    assert "- 2001-02-03, Loom, GPU; livedream 9.9, torch 8.8\n" in gpu
    assert "| one | 90.0 |" in processor
    assert "| two (random weights) | 90.0 |" in gpu
    assert "| two (" not in processor
    assert "| one | 90.0 |" not in gpu
    assert "| 700, GPU 900 |" in text
    assert "- three: not measured, there is no loom" in text
    assert "No row above was measured on a GPU." not in text


def test_the_popular_ones_say_how_they_were_made(row) -> None:
    beside = {"command": "python -m x", "date": "2001-02-03", "machine": "Abacus", "versions": {"torch": "8.8"}}
    lines = page({"small": row}, {}, None, {**beside, "table": ["| theirs | 2 |"]}, [])
    assert "| theirs | 2 |" in lines
    assert "`python -m x`. The last row needs `pip install torch-lucent`." in lines
    assert "2001-02-03, Abacus; torch 8.8." in lines


def test_busy_processes_have_a_section(row) -> None:
    busy = {"command": "python -m y", "date": "2001-02-03", "machine": "Abacus", "versions": {"torch": "8.8"}}
    lines = page({"small": row}, {}, None, None, [], {**busy, "table": ["| a still | 2 |"]})
    section = lines[lines.index("## Beside busy processes") :]
    assert section[2] == "`python -m y`. 2001-02-03, Abacus; torch 8.8."
    assert "| a still | 2 |" in section


def test_processes_have_a_section(row) -> None:
    process = {"command": "python z.py", "date": "2001-02-03", "machine": "Abacus", "versions": {"torch": "8.8"}}
    lines = page({"small": row}, {}, None, None, [], None, {**process, "table": ["| a plain loop | 2 |"]})
    section = lines[lines.index("## From start to end") :]
    assert section[2] == "`python z.py`. 2001-02-03, Abacus; torch 8.8."
    assert "| a plain loop | 2 |" in section


def test_looks_have_a_section(row) -> None:
    looks = {
        "command": "livedream bench --looks live",
        "date": "2001-02-03",
        "machine": "Abacus",
        "versions": {"torch": "8.8"},
        "looks": [
            {
                "preset": "live",
                "scene": "coffee, still",
                "chroma_over_luma": 0.456,
                "slope": -1.987,
                "clipped": 0.00123,
                "strength": 12.34,
            }
        ],
        "recognition": [
            {"group": "dogs", "dreamer": "one", "judge": "two", "stills": 20, "recognised": 13, "before": 1}
        ],
    }
    lines = page({"small": row}, {}, looks, None, [])
    assert "`livedream bench --looks live`. 2001-02-03, Abacus; torch 8.8." in lines
    assert "| live, coffee, still | 0.46 | -1.99 | +0.12% | 12.3 |" in lines
    assert "| dogs | one | two | 20 | 65% | 5% |" in lines
