"""Networks as graphs: which node makes a layer's output, of which shape, at what cost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor, fx, nn

_tracing = threading.Lock()
"""Two traces at once would restore each other's patches."""
_HELD = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


def trace(network: nn.Module) -> fx.GraphModule:
    """Return `network` as a graph of its operations. Other threads may call networks meanwhile.

    `torch.fx.symbolic_trace` patches `nn.Module.__call__` and `__getattr__` for the whole process, and another thread
    that calls a network then fails ("module is not installed as a submodule") or leaves nodes in the graph. Signals
    wait: where Ctrl-C came between two patches, one of them stayed for the rest of the process.
    """
    with _tracing, _signals_held():
        tracer = _ThreadTracer()
        graph = tracer.trace(network)
    return fx.GraphModule(network, graph, type(network).__name__)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let the signals that Python handles wait until the end of the block. They reach the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    def deliver() -> None:
        for number in dict.fromkeys(held):
            signal.raise_signal(number)

    with ExitStack() as stack:
        stack.callback(deliver)
        for number in _HELD:
            handler = signal.getsignal(number)
            if callable(handler):
                stack.callback(signal.signal, number, handler)
                signal.signal(number, hold)
        yield


class _ThreadTracer(fx.Tracer):
    """Records the calls of the thread that made it; those of other threads go on as if nothing was patched."""

    def __init__(self) -> None:
        # Without functions to wrap (by default those of `math`) the patches that other threads run into do no more than
        # call the two methods below.
        super().__init__(autowrap_modules=())  # type: ignore[arg-type]  # annotated as one module exactly
        self._thread = threading.get_ident()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def outputs(graph: fx.Graph) -> dict[str, fx.Node]:
    """Return for each module, by its path, the node that makes its output: the last one inside it.

    In the order of calculation, what is inside a module before the module.
    """
    found: dict[str, fx.Node] = {}
    for node in graph.nodes:
        for path, _ in reversed(node.meta.get("nn_module_stack", {}).values()):
            found.pop(path, None)  # in order of the last node, not of the first
            found[path] = node
    return found


def ancestors(node: fx.Node) -> set[fx.Node]:
    """Return `node` and all nodes that it needs."""
    found: set[fx.Node] = set()
    waiting = [node]
    while waiting:
        latest = waiting.pop()
        if latest not in found:
            found.add(latest)
            waiting += latest.all_input_nodes
    return found


class Measurement(fx.Interpreter):
    """Runs a graph, and keeps the shape of what each node gives and the operations that it takes, forward.

    Counted are convolutions and products with matrices, two operations for each product of numbers.
    """

    def __init__(self, traced: fx.GraphModule, picture: Tensor) -> None:
        super().__init__(traced)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}
        self.flop: dict[fx.Node, int] = {}
        with torch.no_grad():
            self.run(picture)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        if isinstance(module, nn.Conv2d | nn.Linear):
            self.flop[n] = 2 * result.numel() * module.weight[0].numel()
        return result
