"""A plain dreamer for comparison: the same dream, written as most projects write it.

It runs the whole network in float32 with contiguous tensors, hooks on the layers and autograd. Everything after the
optical flow is done in torch, on livedream's device. Steps, sizes, octaves, jitter, pooling and preconditioning are
livedream's, so the work is equal and only the implementation differs.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream.dream.ascent import Ascent
from livedream.dream.image.octaves import Shape, octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import precondition, preconditioner
from livedream.dream.motion.flow import Motion
from livedream.dream.motion.zoom import zoom_flow
from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.terms import IMAGE
from livedream.models import LOGITS, resolve_layer
from livedream.settings import DreamSettings


class Baseline:
    """Dreams the frames of one stream, all of one size, uint8 RGB (h, w, 3).

    Args:
        settings: the settings of the dream.
        network: the whole network, in float32; it is changed and moved to the device.
        ascent: livedream's ascent for the same settings, which provides the bound objective, the masks and the device.
        size: (width, height) of the frames.
    """

    def __init__(self, settings: DreamSettings, network: nn.Module, ascent: Ascent, size: tuple[int, int]) -> None:
        network_info = network_for(settings)
        self._settings = settings
        self._objective, self._masks = ascent.objective, ascent.masks
        self._device = ascent.network.mean.device
        self._activations: dict[str, Tensor] = {}
        if settings.pooling == "average":
            _use_average_pooling(network)
        self._network = network.requires_grad_(False).to(self._device)
        modules = dict(network.named_modules())
        for name in self._objective.layers:
            # The logits are the output of the whole network. SqueezeNet's own end in a ReLU, livedream's do not.
            module = network if name == LOGITS else modules[resolve_layer(network_info.name, name, modules)]
            module.register_forward_hook(self._store_activation(name))
        self._mean = torch.tensor(network_info.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(network_info.std, device=self._device).view(1, 3, 1, 1)
        self._shape = working_shape(size[1], size[0], settings.working_height, network_info.smallest)
        self._shapes = octave_shapes(self._shape, settings.octaves, settings.octave_scale, network_info.smallest)
        self._motion = Motion(self._shape, settings.flow_scale)
        self._residual: Tensor | None = None
        self._pending: Tensor | None = None
        """The part of the last changes that temporal smoothing has not shown yet."""
        self._step_count = 0

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return the dream of the next frame, of the same shape."""
        settings = self._settings
        frame = torch.from_numpy(pixels).to(self._device).permute(2, 0, 1)[None].float().contiguous()
        small = F.interpolate(frame, self._shape, mode="bilinear", antialias=True)
        flow = self._motion(small[0].permute(1, 2, 0).round().byte().cpu().numpy())
        dream, pending = small, None
        inherits = flow is not None and self._residual is not None
        if flow is not None and self._residual is not None:
            flow = zoom_flow(flow, settings.zoom, settings.rotate)
            warped = self._warp(self._residual, flow.vectors, flow.confidence) * settings.keep
            dream = small + warped - 0.1 * warped.mean((2, 3), keepdim=True)
            if self._pending is not None:
                pending = self._warp(self._pending, flow.vectors, flow.confidence)
        initial = dream
        for _ in range(settings.steps):
            dream = self._step(dream, self._step_count % len(self._shapes))
            self._step_count += 1
        dream = dream.clamp(0, 255)
        self._residual = visible = dream - small
        if inherits:
            change = dream - initial if pending is None else dream - initial + pending
            pending = change * settings.temporal_smoothing
            visible = visible - pending
        self._pending = pending
        enlarged = F.interpolate(visible, frame.shape[2:], mode="bilinear") * settings.strength
        if self._masks:
            enlarged = enlarged * torch.from_numpy(self._masks.at((pixels.shape[0], pixels.shape[1]))).to(self._device)
        return (frame + enlarged).clamp(0, 255).round().byte()[0].permute(1, 2, 0).contiguous().cpu().numpy()

    def _store_activation(self, name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self._activations[name] = output

        return hook

    def _warp(self, residual: Tensor, vectors: np.ndarray, confidence: np.ndarray) -> Tensor:
        height, width = confidence.shape
        device = self._device
        pixel = torch.tensor([2 / width, 2 / height], device=device).view(1, 2, 1, 1)
        offsets = torch.from_numpy(vectors).to(device).permute(2, 0, 1)[None] * pixel
        offsets = F.interpolate(offsets, self._shape, mode="bilinear").permute(0, 2, 3, 1)
        grid = F.affine_grid(torch.eye(2, 3, device=device)[None], [1, 3, *self._shape], align_corners=False)
        warped = F.grid_sample(residual, grid + offsets, padding_mode="border", align_corners=False)
        weight = torch.from_numpy(confidence).to(device)[None, None]
        return warped * F.interpolate(weight, self._shape, mode="bilinear")

    def _step(self, image: Tensor, octave: int) -> Tensor:
        """Return `image` after one step at an octave; octave 0 is the full size."""
        shape: Shape = self._shapes[octave]
        objective = self._objective.at(share_of(octave, len(self._shapes)))
        resized = F.interpolate(image, shape, mode="bilinear", antialias=True)
        jitter = min(self._settings.jitter, min(shape) // 2)
        shift = tuple(np.random.default_rng(self._step_count).integers(-jitter, jitter, 2, endpoint=True).tolist())
        leaf = torch.roll(resized, shift, (2, 3)).requires_grad_()
        self._activations = {IMAGE: leaf}
        self._network((leaf - self._mean) / self._std)
        (gradient,) = torch.autograd.grad(objective(self._activations), leaf)
        gradient = torch.roll(gradient, tuple(-s for s in shift), (2, 3))
        gradient = precondition(gradient, preconditioner(self._settings.natural_color, self._settings.coarseness))
        change = gradient / gradient.abs().mean().clamp_min(1e-30) * self._settings.step_size
        return image + F.interpolate(change, image.shape[2:], mode="bilinear")


def _use_average_pooling(network: nn.Module) -> None:
    for name, pool in list(network.named_modules()):
        if isinstance(pool, nn.MaxPool2d):
            average = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False)
            network.set_submodule(name, average)
