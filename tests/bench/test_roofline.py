import threading

import pytest
import torch

from livedream.bench.roofline import measure_step_bound, seconds_per_call, step_cost
from livedream.dream.dreamer import Dreamer
from livedream.dream.objective.parser import parse
from livedream.settings import DreamSettings


def test_work_by_hand() -> None:
    # conv1 to 31x31, rectified, pooled to 15x15; then fire2 by hand. Products both ways, two operations each; the
    # picture's own gradient included.
    conv1 = 31 * 31 * 27 * 64
    fire2 = 15 * 15 * (64 * 16 + 16 * 64 + 9 * 16 * 64)
    cost = step_cost("squeezenet", parse("fire2"), (64, 64))
    assert cost.flops == 2 * 2 * (conv1 + fire2)
    # Written: conv1 and its ReLU, the pool, squeeze and its ReLU, two expansions, their concatenation and its ReLU.
    assert cost.activations == 2 * 31 * 31 * 64 + 15 * 15 * (64 + 2 * 16 + 2 * 64 + 2 * 128)


def test_a_step_is_timed_among_others_and_the_first_do_not_count(monkeypatch) -> None:
    class Clock:
        now = 0.0
        calls = 0

        def act(self) -> None:
            """The first calls find cold caches; one later is disturbed."""
            self.calls += 1
            self.now += 9 if self.calls <= 2 or self.calls == 5 else 1

    clock = Clock()
    monkeypatch.setattr("livedream.bench.roofline.time.perf_counter", lambda: clock.now)
    assert seconds_per_call(clock.act, torch.device("cpu")) == 1


def test_step_product_and_copy_have_the_same_threads_and_take_turns(monkeypatch) -> None:
    dreamer = Dreamer(DreamSettings(layers="fire2", working_height=64, precision="float32", device="cpu"))
    dreamer.prepare((64, 64))
    seen = []

    def seconds(action, device) -> float:
        seen.append((threading.get_ident(), torch.get_num_threads()))
        return 0.5

    monkeypatch.setattr("livedream.bench.roofline.seconds_per_call", seconds)
    ascent, compute = dreamer.engine.ascent, dreamer.engine.compute
    found = measure_step_bound(ascent, compute, "squeezenet", (64, 64))
    assert len(seen) % 3 == 0
    assert set(seen) == {(threading.get_ident(), torch.get_num_threads())}
    cost = step_cost("squeezenet", ascent.objective, (64, 64))
    rates = 2 * 1024**3 / 0.5, 2 * 256_000_000 / 0.5
    # Written out: the picture, conv1, the pool, squeeze, two expansions. ReLUs and the concatenation write nothing.
    written = 3 * 64 * 64 + 31 * 31 * 64 + 15 * 15 * (64 + 16 + 2 * 64)
    assert found.million_activations == written / 1e6
    assert found.bound_ms == pytest.approx(1e3 * (cost.flops / rates[0] + 16 * written / rates[1]))
    assert found.roofline == pytest.approx(found.bound_ms / 500)
