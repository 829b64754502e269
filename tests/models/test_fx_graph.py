"""Tracing while other threads call networks."""

import os
import signal
import threading

import pytest
import torch
from torch import Tensor, fx, nn

from livedream import models
from livedream.models.fx_graph import trace

TRACES = 30


@pytest.mark.parametrize("name", models.network_names())
def test_a_network_is_traced_as_torch_fx_traces_it(name: str) -> None:
    with torch.device("meta"):
        network = models.build(name)
        assert trace(network).code == fx.symbolic_trace(network).code


class Small(nn.Module):
    """Calls a module and reads a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.scale = nn.Parameter(torch.full((), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) * self.scale


@torch.no_grad()
def test_another_thread_calls_networks_while_one_is_traced() -> None:
    """With fx.symbolic_trace, the first concurrent call fails: "module is not installed as a submodule"."""
    network, picture = Small(), torch.rand(1, 3, 16, 16)
    expected = network(picture)
    calls, failed = 0, []
    done, begun = threading.Event(), threading.Event()

    @torch.no_grad()
    def call() -> None:
        nonlocal calls
        try:
            while not done.is_set():
                if not torch.equal(network(picture), expected):
                    raise AssertionError("another result")
                calls += 1
                begun.set()
        except BaseException as error:  # noqa: BLE001  raised below
            failed.append(error)
            begun.set()

    thread = threading.Thread(target=call)
    thread.start()
    begun.wait()
    with torch.device("meta"):
        traced = models.build("squeezenet")
    code = trace(traced).code
    before = calls
    try:
        for _ in range(TRACES):
            assert trace(traced).code == code
    finally:
        done.set()
        thread.join()
    assert not failed
    assert calls > before


def test_threads_trace_at_the_same_time() -> None:
    with torch.device("meta"):
        networks = [models.build(name) for name in ("squeezenet", "mobilenet_v3_large")]
    expected = [trace(network).code for network in networks]
    found: list[list[str]] = [[], []]

    def work(number: int) -> None:
        for _ in range(5):
            found[number].append(trace(networks[number]).code)

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[code] * 5 for code in expected]
    assert nn.Module.__call__ is fx._symbolic_trace._orig_module_call


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_deferred_until_a_network_is_traced(number: int) -> None:
    """torch.fx patches nn.Module for the whole process: after Ctrl-C between two patches one of them stayed."""
    before = nn.Module.__call__, nn.Module.__getattr__
    during = []

    class Pressed(nn.Module):
        def forward(self, picture: Tensor) -> Tensor:
            os.kill(os.getpid(), number)  # a handler of Python's runs before the next line
            during.append(nn.Module.__call__ is before[0])
            return picture + 1

    class Signalled(KeyboardInterrupt):
        pass

    def handler(number: int, frame: object) -> None:
        raise Signalled

    old = signal.signal(number, handler)
    try:
        with pytest.raises(Signalled):
            trace(Pressed())
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, old)
    assert during == [False]  # it was being traced, and to its end
    assert (nn.Module.__call__, nn.Module.__getattr__) == before
