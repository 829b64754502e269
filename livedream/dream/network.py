"""A network made ready to dream: cut at the deepest layer used, frozen, batch norm folded, channels last."""

import logging
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from livedream.dream.fused import FusedBody, UnfusableError
from livedream.dream.objective import Objective
from livedream.errors import ArgumentError, unknown
from livedream.models import Network

_log = logging.getLogger(__name__)


class DreamNetwork(nn.Module):
    """The part of a network that an objective looks at. Takes pictures, gives the activations of the layers by name.

    A picture is float32 RGB, (n, 3, h, w), 0..255. No parameter carries a gradient.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, row: Network, objective: Objective, pooling: str) -> None:
        """Cut `network`, a module or what `trace` made of one, which is changed and must not be used again.

        Raises ArgumentError for a layer that it does not have, or a channel that the layer does not have.
        """
        super().__init__()
        traced = trace(network)
        _cut(traced, objective.layers)
        _fold_batch_norm(traced)
        if pooling == "average":
            _pool_by_average(traced)
        self.name = row.name
        self.layers = tuple(objective.layers)
        self.body: nn.Module = traced.requires_grad_(False)
        # Buffers, so that `to` moves them with the weights; float32 always, the picture is normalised before the cast.
        self.register_buffer("mean", torch.tensor(row.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(row.std).view(1, 3, 1, 1))
        self.dtype = torch.float32
        _check_channels(self, row, objective)
        _work_in_place(traced)

    def to_compute(self, device: torch.device, dtype: torch.dtype) -> "DreamNetwork":
        """Move to `device` and calculate in `dtype`. Returns itself."""
        self.to(device)
        self.body.to(dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype
        if device.type == "cpu" and isinstance(self.body, fx.GraphModule):
            try:
                self.body = FusedBody(self.body)
            except UnfusableError as why:
                _log.info("autograd goes through %s: %s", self.name, why)
        return self

    def forward(self, picture: Tensor) -> Mapping[str, Tensor]:
        return dict(zip(self.layers, self.body(self._normalise(picture)), strict=True))

    def _normalise(self, picture: Tensor) -> Tensor:
        # A row of pixels at a time: three channels alone are too few for the vector units (0.06 ms, not 0.7, at 448x256
        # on a CPU).
        rows = picture.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).flatten(2)
        width = picture.shape[3]
        rows = (rows - self.mean.flatten().repeat(width)) / self.std.flatten().repeat(width)
        return rows.view(rows.shape[0], -1, width, 3).permute(0, 3, 1, 2).to(self.dtype)


def trace(network: nn.Module) -> fx.GraphModule:
    """Return `network` as a graph that can be cut; one that is a graph already as it is.

    Tracing replaces torch.nn.Module.__call__ for all threads: no other may call a network meanwhile.
    """
    return network if isinstance(network, fx.GraphModule) else fx.symbolic_trace(network)


def layer_names(network: nn.Module) -> list[str]:
    """Return the names of all layers of `network` whose output can be dreamt of, in the order of calculation."""
    return list(_outputs(trace(network).graph))


def _outputs(graph: fx.Graph) -> dict[str, fx.Node]:
    """Return for each module, by its path, the node that makes its output: the last one inside it."""
    outputs: dict[str, fx.Node] = {}
    for node in graph.nodes:
        for path, _ in node.meta.get("nn_module_stack", {}).values():
            outputs.pop(path, None)  # in order of the last node, not of the first
            outputs[path] = node
    return outputs


def _cut(traced: fx.GraphModule, layers: Iterable[str]) -> None:
    outputs = _outputs(traced.graph)
    for name in layers:
        if name not in outputs:
            raise unknown("layer", name, outputs)
    wanted = tuple(outputs[name] for name in layers)
    (old,) = (node for node in traced.graph.nodes if node.op == "output")
    old.args = (wanted,)
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()


def _fold_batch_norm(traced: fx.GraphModule) -> None:
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        if before.op != "call_module" or len(before.users) > 1 or not isinstance(modules[before.target], nn.Conv2d):
            continue
        traced.set_submodule(before.target, fuse_conv_bn_eval(modules[before.target], modules[node.target]))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()


def _pool_by_average(traced: fx.GraphModule) -> None:
    for name, module in list(traced.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            average = nn.AvgPool2d(
                module.kernel_size, module.stride, module.padding, module.ceil_mode, count_include_pad=False
            )
            traced.set_submodule(name, average)


def _work_in_place(traced: fx.GraphModule) -> None:
    """Let each ReLU overwrite its input where nobody else reads it: 10 % of a step's time is such copies."""
    modules = dict(traced.named_modules())
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    for node in traced.graph.nodes:
        if node.op == "call_function" and node.target is torch.relu:
            before = node.args[0]
            if len(before.users) == 1 and before not in output.all_input_nodes:
                node.target = torch.relu_
        elif node.op == "call_module" and isinstance(modules[node.target], nn.ReLU):
            before = node.args[0]
            modules[node.target].inplace = len(before.users) == 1 and before not in output.all_input_nodes
    traced.recompile()


@torch.no_grad()
def _check_channels(network: DreamNetwork, row: Network, objective: Objective) -> None:
    side = max(64, row.smallest)
    found = network(torch.zeros(1, 3, side, side))
    for term in objective.terms:
        count = found[term.layer].shape[1] if found[term.layer].ndim == 4 else 0
        if not count:
            raise ArgumentError(f"layer {term.layer} has no picture to dream of", "choose a layer before the pooling")
        if term.channel is not None and term.channel >= count:
            raise ArgumentError(f"layer {term.layer} has {count} channels, got {term.channel}", f"0 to {count - 1}")
