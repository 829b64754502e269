"""Networks as torch.fx graphs: which node computes a layer's output, in which shape and at which cost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor, fx, nn

_tracing = threading.Lock()
"""Concurrent traces would restore each other's patches."""
_DEFERRED_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


def trace(network: nn.Module) -> fx.GraphModule:
    """Return `network` as a graph of its operations. Other threads may call networks in the meantime.

    `torch.fx.symbolic_trace` patches `nn.Module.__call__` and `__getattr__` for the whole process. Another thread that
    calls a network then fails ("module is not installed as a submodule") or leaves nodes in the graph. Signals are
    deferred: after a Ctrl-C between two patches, one of them stayed for the rest of the process.
    """
    with _tracing, _signals_deferred():
        tracer = _ThreadTracer()
        graph = tracer.trace(network)
    return fx.GraphModule(network, graph, type(network).__name__)


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Defer the signals that Python handles until the end of the block. Only the main thread receives them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deferred: list[int] = []

    def defer(number: int, frame: FrameType | None) -> None:
        deferred.append(number)

    def deliver() -> None:
        for number in dict.fromkeys(deferred):
            signal.raise_signal(number)

    with ExitStack() as stack:
        stack.callback(deliver)
        for number in _DEFERRED_SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                stack.callback(signal.signal, number, handler)
                signal.signal(number, defer)
        yield


class _ThreadTracer(fx.Tracer):
    """Traces the calls of the thread that created it; other threads are unaffected by the patches."""

    def __init__(self) -> None:
        # Without functions to wrap (by default those of `math`), the patches only call the two methods below.
        super().__init__(autowrap_modules=())  # type: ignore[arg-type]  # annotated as exactly one module
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
    """Return the node that computes the output of each module, by the module's path: the last node inside it.

    Modules are in order of execution, inner modules before the modules that contain them.
    """
    nodes: dict[str, fx.Node] = {}
    for node in graph.nodes:
        for path, _ in reversed(node.meta.get("nn_module_stack", {}).values()):
            nodes.pop(path, None)  # ordered by the last node, not by the first
            nodes[path] = node
    return nodes


def ancestors(node: fx.Node) -> set[fx.Node]:
    """Return `node` and all nodes it depends on."""
    visited: set[fx.Node] = set()
    queue = [node]
    while queue:
        current = queue.pop()
        if current not in visited:
            visited.add(current)
            queue += current.all_input_nodes
    return visited


class Measurement(fx.Interpreter):
    """Runs a graph once and records the shape of each node's output and the floating-point operations of each layer.

    Convolutions and linear layers are counted; a multiplication with its addition is two operations.
    """

    def __init__(self, traced: fx.GraphModule, image: Tensor) -> None:
        super().__init__(traced)
        self.shapes: dict[fx.Node, tuple[int, ...]] = {}
        self.flops: dict[fx.Node, int] = {}
        """Of the forward pass of each convolution and linear layer."""
        with torch.no_grad():
            self.run(image)

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        if isinstance(module, nn.Conv2d | nn.Linear):
            self.flops[n] = 2 * result.numel() * module.weight[0].numel()
        return result
