import pytest

from benchmarks.gpu_bounds import GPUS, Gpu, bounds_table
from livedream import models
from livedream.bench.roofline import StepCost
from livedream.dream.objective.parser import parse


def test_least_time_by_hand() -> None:
    # 6 GFLOP at 2 TFLOP/s are 3 ms; 5 million activations of two bytes, touched four times, at 20 GB/s are 2 ms.
    assert Gpu("card", 2, 20).milliseconds(StepCost(6_000_000_000, 5_000_000)) == pytest.approx(3 + 2)


def test_table_has_a_row_for_each_network_and_size(monkeypatch) -> None:
    networks = [models.find_network(name) for name in ("squeezenet", "vgg16")]
    monkeypatch.setattr(models, "network_table", lambda: networks)
    head, rule, *rows = bounds_table([(75, 75), (96, 128)])
    assert [row.split(",")[0].removeprefix("| ") for row in rows[::2]] == ["squeezenet", "vgg16"]
    assert all("| 75x75 |" in row for row in rows[::2])
    assert all("| 128x96 |" in row for row in rows[1::2])
    assert {line.count("|") for line in (head, rule, *rows)} == {5 + len(GPUS)}


def test_row_by_hand(monkeypatch) -> None:
    # What test_roofline.py counts by hand for fire2 at 64x64: 31x31 pixels of 27 products for 64 channels, then 15x15
    # of (64*16 + 16*64 + 9*16*64), both ways, two operations each; here at four times the side, 127 and 63 pixels.
    fire2 = parse("fire2")
    network = models.find_network("squeezenet")
    monkeypatch.setattr(models, "network_table", lambda: [network])
    monkeypatch.setattr("benchmarks.gpu_bounds.layer", lambda name: fire2)
    flops = 4 * (127 * 127 * 27 * 64 + 63 * 63 * (64 * 16 + 16 * 64 + 9 * 16 * 64))
    touched = 8 * (2 * 127 * 127 * 64 + 63 * 63 * (64 + 2 * 16 + 2 * 64 + 2 * 128))
    *_, row = bounds_table([(256, 256)])
    assert row.startswith(f"| squeezenet, fire6 | 256x256 | {flops / 1e9:.1f} | {touched / 1e6:.0f} |")
