"""A network made ready to dream: cut at the deepest layer used, frozen, batch norm folded, channels last."""

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from livedream.dream.backend.cudnn import avoid_cudnn
from livedream.dream.compute.precision import merging_pays
from livedream.dream.image.octaves import working_size
from livedream.dream.image.resize import from_pixels, shrink
from livedream.dream.native.kernels import normalise
from livedream.dream.native.network_pass import FusedBody
from livedream.dream.native.ops import UnfusableError
from livedream.dream.objective.objective import Objective
from livedream.dream.objective.terms import PICTURE
from livedream.errors import ArgumentError
from livedream.models import LOGITS, Network, resolve_layer
from livedream.models.fx_graph import outputs, trace

_log = logging.getLogger(__name__)


class DreamNetwork(nn.Module):
    """The part of a network that an objective looks at. Takes pictures, gives the activations of the layers by name,
    and the picture itself as PICTURE.

    A picture is float32 RGB, (n, 3, h, w), 0..255. No parameter carries a gradient.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, row: Network, objective: Objective, pooling: str) -> None:
        """Cut `network`, a module or its graph (`models.graph.trace`), which is changed and must not be used again.

        Raises ArgumentError for a layer that it does not have, or a channel that the layer does not have.
        """
        super().__init__()
        traced = network if isinstance(network, fx.GraphModule) else trace(network)
        _cut(traced, row.name, objective.layers)
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
        self._smallest = row.smallest
        self.channels = _count_channels(self, row)
        """How many channels, or classes, each of its layers has."""
        self.flops_per_pixel = _flops_per_pixel(traced, row)
        """Of a pass forward, two for each multiplication with its addition."""
        objective.check(row.name, self.channels)
        _work_in_place(traced)

    def to_compute(self, device: torch.device, dtype: torch.dtype) -> "DreamNetwork":
        """Move to `device` and calculate in `dtype`. Returns itself."""
        self.to(device)
        self.body.to(dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype
        if device.type == "cuda" and isinstance(self.body, fx.GraphModule):
            avoid_cudnn(self.body)
        if device.type == "cpu" and isinstance(self.body, fx.GraphModule):
            try:
                self.body = FusedBody(self.body, self.mean, self.std, merging_pays(dtype))
            except UnfusableError as why:
                _log.info("autograd goes through %s: %s", self.name, why)
        return self

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def forward(self, picture: Tensor) -> Mapping[str, Tensor]:
        by_itself = isinstance(self.body, FusedBody)
        seen = picture if by_itself else normalise(picture, self.mean, self.std, self.dtype)
        return {PICTURE: picture, **dict(zip(self.layers, self.body(seen), strict=True))}

    def gradient(self, picture: Tensor, objective: Objective, again: bool = True) -> Tensor | None:
        """Return the gradient of `objective` at `picture` without autograd, 0.3 ms less a step; None where there is no
        such way. again: whether more pictures of this size are to be expected.
        """
        if not isinstance(self.body, FusedBody) or not objective.has_slopes:
            return None

        def slopes(found: tuple[Tensor, ...]) -> list[Tensor | None]:
            known = objective.slopes(dict(zip(self.layers, found, strict=True)))
            return [known.get(name) for name in self.layers]

        if again:
            return self.body.gradient(picture, slopes, tuple(name in objective.layers for name in self.layers))
        found, back = self.body.walk(picture)
        return back(slopes(found))

    @torch.no_grad()
    def look(self, pixels: np.ndarray, height: int) -> Mapping[str, Tensor]:
        """Return the activations for a picture, RGB uint8 (h, w, 3), that is seen at `height` pixels or its own."""
        size = working_size(pixels.shape[0], pixels.shape[1], height, self._smallest)
        return self(from_pixels(shrink(pixels, size)).to(self.device, torch.float32))


def _cut(traced: fx.GraphModule, network: str, layers: Iterable[str]) -> None:
    found = outputs(traced.graph)
    if LOGITS in layers and LOGITS not in found:
        found[LOGITS] = _logits(traced)
    wanted = tuple(found[resolve_layer(network, name, found)] for name in layers)
    (old,) = (node for node in traced.graph.nodes if node.op == "output")
    old.args = (wanted,)
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()


def _logits(traced: fx.GraphModule) -> fx.Node:
    """Return the node that scores the classes, (n, classes): the last product of the network.

    Where that is a convolution (the SqueezeNets), its mean over the picture; a ReLU behind it is left out, because a
    class that is not seen at all has no gradient there.
    """
    modules = dict(traced.named_modules())
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    node = output.args[0]
    while not isinstance(modules.get(str(node.target)), nn.Conv2d | nn.Linear):
        node = node.args[0]
    if isinstance(modules[node.target], nn.Linear):
        return node
    with traced.graph.inserting_after(node):
        return traced.graph.call_method("mean", (node, (2, 3)))


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
    """Let each ReLU and its kin overwrite its input where nobody else reads it: 10 % of a step's time is copies.

    Many of torchvision's overwrite it as they come, and so would a layer that is dreamt of.
    """
    modules = dict(traced.named_modules())
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    for module in modules.values():
        if hasattr(module, "inplace"):
            module.inplace = True
    for node in traced.graph.nodes:
        before = node.args[0] if node.args else None
        free = isinstance(before, fx.Node) and len(before.users) == 1 and before not in output.all_input_nodes
        if node.op == "call_function" and node.target is torch.relu and free:
            node.target = torch.relu_
        elif node.op == "call_function" and "inplace" in node.kwargs:
            node.kwargs = {**node.kwargs, "inplace": free}
        elif node.op == "call_module" and hasattr(modules[node.target], "inplace"):
            modules[node.target].inplace &= free  # ResNet's has one name and is called three times in a block
    traced.recompile()


@torch.no_grad()
def _count_channels(network: DreamNetwork, row: Network) -> dict[str, int]:
    found, larger = (network(torch.zeros(1, 3, row.smallest + more, row.smallest + more)) for more in (0, 32))
    for name in network.layers:
        shape = found[name].shape
        # Where the second number grows with the picture it counts rows, not channels: inside ConvNeXt's blocks.
        if len(shape) not in (2, 4) or shape[1] != larger[name].shape[1]:
            raise ArgumentError(f"layer {name} has no picture to dream of", "choose a layer around or before it")
    return {name: found[name].shape[1] for name in network.layers}


class _Counting(fx.Interpreter):
    """Runs a network and counts what its convolutions do."""

    flops = 0

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        module = self.submodules.get(str(n.target)) if n.op == "call_module" else None
        if isinstance(module, nn.Conv2d) and isinstance(result, Tensor):
            self.flops += 2 * result.numel() * module.weight[0].numel()
        return result


@torch.no_grad()
def _flops_per_pixel(traced: fx.GraphModule, row: Network) -> float:
    side = row.smallest + 32
    counting = _Counting(traced)
    counting.run(torch.zeros(1, 3, side, side))
    return counting.flops / side**2
