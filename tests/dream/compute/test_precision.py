import json
from pathlib import Path

import pytest
import torch

from livedream.dream.compute import precision
from livedream.dream.compute.precision import Compute, choose_compute, measured_cpu_dtype, next_safer
from livedream.errors import DeviceError

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "livedream" / "precision.json"


def test_precision_asked_for_is_taken() -> None:
    assert choose_compute("cpu", "float32") == Compute(CPU, torch.float32)
    assert str(choose_compute("cpu", "bfloat16")) == "cpu bfloat16"


def test_nothing_is_exchanged_for_what_is_not_there() -> None:
    with pytest.raises(DeviceError, match="float16 needs a GPU"):
        choose_compute("cpu", "float16")


def test_missing_gpu_is_one_line(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"finds no cuda device|without CUDA") as caught:
        choose_compute("cuda", "auto")
    assert "cpu" in caught.value.hint


def test_measurement_is_remembered(cache, monkeypatch) -> None:
    measured = []
    monkeypatch.setattr(precision, "_faster_on_cpu", lambda: measured.append(1) or "bfloat16")
    assert measured_cpu_dtype() == torch.bfloat16
    assert measured_cpu_dtype() == torch.bfloat16
    assert len(measured) == 1
    (machine,) = json.loads(cache.read_text())
    assert torch.__version__ in machine


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"x": "float8"}'])
def test_damaged_memory_is_measured_anew(cache, content) -> None:
    cache.parent.mkdir()
    cache.write_text(content)
    assert measured_cpu_dtype() in (torch.float32, torch.bfloat16)


def test_faster_one_is_found(cache, monkeypatch) -> None:
    seconds = {torch.float32: 2.0, torch.bfloat16: 1.0}
    monkeypatch.setattr(precision, "_time_pass", lambda dtype, side: seconds[dtype])
    assert measured_cpu_dtype() == torch.bfloat16
    cache.unlink()
    seconds[torch.bfloat16] = 1.95  # not worth it
    assert measured_cpu_dtype() == torch.float32


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_that_is_emulated_is_none(monkeypatch, native) -> None:
    """A Turing card: torch says that it is supported, unless it is asked for what the card does itself."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    cuda = torch.device("cuda")
    wanted = torch.bfloat16 if native else torch.float32
    assert next_safer(Compute(cuda, torch.float16)) == Compute(cuda, wanted)
    if native:
        assert choose_compute("cuda", "bfloat16").dtype == torch.bfloat16
    else:
        with pytest.raises(DeviceError, match="does not support bfloat16"):
            choose_compute("cuda", "bfloat16")


def test_overflow_leads_to_float32_at_last() -> None:
    compute: Compute | None = Compute(CPU, torch.float16)
    for _ in range(3):
        if compute is None:
            break
        last, compute = compute, next_safer(compute)
    assert compute is None
    assert last.dtype == torch.float32
