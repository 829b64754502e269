"""Prepares a network for dreaming: cut at the deepest layer used, frozen, batch norm folded, channels last."""

import logging
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from livedream.dream.compute.cudnn import avoid_cudnn
from livedream.dream.compute.precision import merging_pays
from livedream.dream.image.octaves import working_shape
from livedream.dream.image.resize import from_pixels, shrink
from livedream.dream.native.layer_kernels import normalise
from livedream.dream.native.network_pass import NetworkPass
from livedream.dream.native.ops import UnsupportedLayerError
from livedream.dream.native.replay import ReplayError
from livedream.dream.objective.objective import Objective
from livedream.dream.objective.terms import IMAGE
from livedream.errors import ArgumentError
from livedream.models import LOGITS, Network, resolve_layer
from livedream.models.fx_graph import Measurement, outputs, trace

_log = logging.getLogger(__name__)


class DreamNetwork(nn.Module):
    """The part of a network that an objective reads: maps an image to the activations by layer name.

    The image itself is among the activations under the name IMAGE. Images are float32 RGB, (n, 3, h, w), 0..255. No
    parameter requires a gradient.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, row: Network, objective: Objective, pooling: str) -> None:
        """Cut and prepare a network.

        Args:
            network: a module or its graph (`models.fx_graph.trace`). It is modified and must not be used again.
            row: the description of the network.
            objective: decides which layers are kept.
            pooling: "max" keeps max-pools, "average" replaces them by average pools.

        Raises:
            ArgumentError: the network lacks a layer or channel.
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
        # Buffers, so that `to` moves them with the weights. Always float32: images are normalised before the cast.
        self.register_buffer("mean", torch.tensor(row.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(row.std).view(1, 3, 1, 1))
        self.dtype = torch.float32
        self._smallest = row.smallest
        self.channels = _count_channels(self, row)
        """The number of channels, or classes, of each layer."""
        self.flops_per_pixel = _flops_per_pixel(traced, row)
        """Of the forward pass; a multiplication with its addition counts as two."""
        objective.check(row.name, self.channels)
        _work_in_place(traced)

    def to_compute(self, device: torch.device, dtype: torch.dtype) -> "DreamNetwork":
        """Move to `device`, compute in `dtype`, and return itself."""
        self.to(device)
        self.body.to(dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype
        if device.type == "cuda" and isinstance(self.body, fx.GraphModule):
            avoid_cudnn(self.body)
        if device.type == "cpu" and isinstance(self.body, fx.GraphModule):
            try:
                self.body = NetworkPass(self.body, self.mean, self.std, merging_pays(dtype))
            except UnsupportedLayerError as why:
                _log.info("%s uses autograd: %s", self.name, why)
        return self

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.mean.device

    def forward(self, image: Tensor) -> Mapping[str, Tensor]:
        """Return the activations by layer name, and the image as IMAGE."""
        normalises = isinstance(self.body, NetworkPass)
        normalised = image if normalises else normalise(image, self.mean, self.std, self.dtype)
        return {IMAGE: image, **dict(zip(self.layers, self.body(normalised), strict=True))}

    @torch.no_grad()
    def native_gradient(self, image: Tensor, objective: Objective, is_repeated: bool = True) -> Tensor | None:
        """Return the gradient of `objective` at `image` by the hand-written pass, which saves 0.3 ms per step.

        Args:
            image: float32 (1, 3, h, w).
            objective: bound to this network.
            is_repeated: whether more images of this shape are to be expected, so that recording the pass pays.

        Returns:
            float32 (1, 3, h, w); None if the network or a term of the objective needs autograd.
        """
        if not isinstance(self.body, NetworkPass) or not objective.has_gradient:
            return None
        wanted = [name in objective.layers for name in self.layers] if is_repeated else None
        try:
            run = self.body.run(image, wanted)
            gradients = objective.layer_gradients(dict(zip(self.layers, run.outputs, strict=True)))
            return run.backward([gradients.get(name) for name in self.layers])
        except ReplayError as error:
            # If something such as memory ran out, the pass without replay either has enough of it or reports it.
            _log.warning("%s; repeating the step without replay", error)
            return self.native_gradient(image, objective, is_repeated=False)

    @torch.no_grad()
    def activations_of(self, pixels: np.ndarray, height: int) -> Mapping[str, Tensor]:
        """Return the activations for RGB pixels, uint8 (h, w, 3), shrunk to `height` pixels if they are higher."""
        shape = working_shape(pixels.shape[0], pixels.shape[1], height, self._smallest)
        return self(from_pixels(shrink(pixels, shape)).to(self.device, torch.float32))


def _cut(traced: fx.GraphModule, network: str, layers: Iterable[str]) -> None:
    """Make the graph return `layers` and remove what they do not need."""
    nodes = outputs(traced.graph)
    if LOGITS in layers and LOGITS not in nodes:
        nodes[LOGITS] = _logits(traced)
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    output.args = (tuple(nodes[resolve_layer(network, name, nodes)] for name in layers),)
    traced.graph.eliminate_dead_code()
    traced.delete_all_unused_submodules()
    traced.recompile()


def _logits(traced: fx.GraphModule) -> fx.Node:
    """Return the node of the class scores, (n, classes): the network's last linear layer.

    If that is a convolution (in the SqueezeNets), return its mean over the image, without the ReLU after it: below 0
    the ReLU has no gradient, so a class that the network does not see at all could not be amplified.
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
        source = node.args[0]
        if source.op != "call_module" or len(source.users) > 1 or not isinstance(modules[source.target], nn.Conv2d):
            continue
        traced.set_submodule(source.target, fuse_conv_bn_eval(modules[source.target], modules[node.target]))
        node.replace_all_uses_with(source)
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
    """Make each activation function overwrite its input if nothing else reads it, which saves 10 % of a step's time.

    Many in torchvision do so by default, and would overwrite layers that are outputs.
    """
    modules = dict(traced.named_modules())
    (output,) = (node for node in traced.graph.nodes if node.op == "output")
    for module in modules.values():
        if hasattr(module, "inplace"):
            module.inplace = True
    for node in traced.graph.nodes:
        source = node.args[0] if node.args else None
        is_free = isinstance(source, fx.Node) and len(source.users) == 1 and source not in output.all_input_nodes
        if node.op == "call_function" and node.target is torch.relu and is_free:
            node.target = torch.relu_
        elif node.op == "call_function" and "inplace" in node.kwargs:
            node.kwargs = {**node.kwargs, "inplace": is_free}
        elif node.op == "call_module" and hasattr(modules[node.target], "inplace"):
            modules[node.target].inplace &= is_free  # a block of ResNet calls one module three times
    traced.recompile()


@torch.no_grad()
def _count_channels(network: DreamNetwork, row: Network) -> dict[str, int]:
    activations, larger = (network(torch.zeros(1, 3, row.smallest + more, row.smallest + more)) for more in (0, 32))
    for name in network.layers:
        shape = activations[name].shape
        # If the second dimension grows with the image, it is rows, not channels: inside the blocks of ConvNeXt.
        if len(shape) not in (2, 4) or shape[1] != larger[name].shape[1]:
            raise ArgumentError(
                f"layer {name} has no channels that a dream can amplify", "choose the layer around it or one before it"
            )
    return {name: activations[name].shape[1] for name in network.layers}


def _flops_per_pixel(traced: fx.GraphModule, row: Network) -> float:
    """Count the convolutions; the cost of linear layers does not grow with the image."""
    side = row.smallest + 32
    modules = dict(traced.named_modules())
    flops = Measurement(traced, torch.zeros(1, 3, side, side)).flops
    convolutions = (count for node, count in flops.items() if isinstance(modules[str(node.target)], nn.Conv2d))
    return sum(convolutions) / side**2
