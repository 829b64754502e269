"""What livedream is measured against: the same dream as most projects write it.

float32, contiguous, the whole network run with a hook on the layer, autograd through it; everything after the flow in
torch, on the device on which livedream dreams. The same steps, sizes, octaves, jitter, pooling and preconditioning as
livedream's, so the work is equal and only the way of doing it is not.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream.dream.ascent import Ascent
from livedream.dream.choice import network_for
from livedream.dream.image.octaves import Shape, octave_shapes, share_of, working_shape
from livedream.dream.image.precondition import precondition, preconditioner
from livedream.dream.objective.terms import IMAGE
from livedream.dream.stream.motion import Motion
from livedream.dream.stream.zoom import zoom_flow
from livedream.models import LOGITS, resolve_layer
from livedream.settings import DreamSettings


class Baseline:
    """Dreams a stream of frames, uint8 (h, w, 3), plainly. One object for one stream of one size."""

    def __init__(self, settings: DreamSettings, network: nn.Module, ascent: Ascent, size: tuple[int, int]) -> None:
        """network: the whole of it, in float32. ascent: livedream's, whose bound objective, masks and device are taken.

        size: (width, height) of the frames.
        """
        row = network_for(settings)
        self._settings = settings
        self._objective, self._masks = ascent.objective, ascent.masks
        self._device = ascent.network.mean.device
        self._found: dict[str, Tensor] = {}
        if settings.pooling == "average":
            _pool_by_average(network)
        self._network = network.requires_grad_(False).to(self._device)
        modules = dict(network.named_modules())
        for name in self._objective.layers:
            # The scores of the classes are what the whole network gives; SqueezeNet's own end in a ReLU, ours do not.
            module = network if name == LOGITS else modules[resolve_layer(row.name, name, modules)]
            module.register_forward_hook(self._keep(name))
        self._mean = torch.tensor(row.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(row.std, device=self._device).view(1, 3, 1, 1)
        self._size = working_shape(size[1], size[0], settings.working_height, row.smallest)
        self._sizes = octave_shapes(self._size, settings.octaves, settings.octave_scale, row.smallest)
        self._motion = Motion(self._size, settings.flow_scale)
        self._residual: Tensor | None = None
        self._pending: Tensor | None = None
        self._turn = 0

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        settings = self._settings
        frame = torch.from_numpy(pixels).to(self._device).permute(2, 0, 1)[None].float().contiguous()
        small = F.interpolate(frame, self._size, mode="bilinear", antialias=True)
        flow = self._motion(small[0].permute(1, 2, 0).round().byte().cpu().numpy())
        dream, pending = small, None
        inherits = flow is not None and self._residual is not None
        if flow is not None and self._residual is not None:
            flow = zoom_flow(flow, settings.zoom, settings.rotate)
            moved = self._warp(self._residual, flow.vectors, flow.confidence) * settings.keep
            dream = small + moved - 0.1 * moved.mean((2, 3), keepdim=True)
            if self._pending is not None:
                pending = self._warp(self._pending, flow.vectors, flow.confidence)
        before = dream
        for _ in range(settings.steps):
            dream = self._step(dream, self._turn % len(self._sizes))
            self._turn += 1
        dream = dream.clamp(0, 255)
        self._residual = shown = dream - small
        if inherits:
            change = dream - before if pending is None else dream - before + pending
            pending = change * settings.temporal_smoothing
            shown = shown - pending
        self._pending = pending
        grown = F.interpolate(shown, frame.shape[2:], mode="bilinear") * settings.strength
        if self._masks:
            grown = grown * torch.from_numpy(self._masks.at((pixels.shape[0], pixels.shape[1]))).to(self._device)
        return (frame + grown).clamp(0, 255).round().byte()[0].permute(1, 2, 0).contiguous().cpu().numpy()

    def _keep(self, name: str):  # type: ignore[no-untyped-def]  # a hook, as torch types them: anything
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self._found[name] = output

        return hook

    def _warp(self, residual: Tensor, vectors: np.ndarray, confidence: np.ndarray) -> Tensor:
        height, width = confidence.shape
        device = self._device
        pixel = torch.tensor([2 / width, 2 / height], device=device).view(1, 2, 1, 1)
        offsets = torch.from_numpy(vectors).to(device).permute(2, 0, 1)[None] * pixel
        offsets = F.interpolate(offsets, self._size, mode="bilinear").permute(0, 2, 3, 1)
        grid = F.affine_grid(torch.eye(2, 3, device=device)[None], [1, 3, *self._size], align_corners=False)
        moved = F.grid_sample(residual, grid + offsets, padding_mode="border", align_corners=False)
        trust = torch.from_numpy(confidence).to(device)[None, None]
        return moved * F.interpolate(trust, self._size, mode="bilinear")

    def _step(self, picture: Tensor, number: int) -> Tensor:
        """Return `picture` moved by one step at octave `number`, from 0, the full size."""
        size: Shape = self._sizes[number]
        objective = self._objective.at(share_of(number, len(self._sizes)))
        octave = F.interpolate(picture, size, mode="bilinear", antialias=True)
        jitter = min(self._settings.jitter, min(size) // 2)
        shift = tuple(np.random.default_rng(self._turn).integers(-jitter, jitter, 2, endpoint=True).tolist())
        leaf = torch.roll(octave, shift, (2, 3)).requires_grad_()
        self._found = {IMAGE: leaf}
        self._network((leaf - self._mean) / self._std)
        (gradient,) = torch.autograd.grad(objective(self._found), leaf)
        gradient = torch.roll(gradient, tuple(-s for s in shift), (2, 3))
        by = preconditioner(self._settings.natural_color, self._settings.coarseness)
        gradient = precondition(gradient, by)
        change = gradient / gradient.abs().mean().clamp_min(1e-30) * self._settings.step_size
        return picture + F.interpolate(change, picture.shape[2:], mode="bilinear")


def _pool_by_average(network: nn.Module) -> None:
    for name, pool in list(network.named_modules()):
        if isinstance(pool, nn.MaxPool2d):
            average = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False)
            network.set_submodule(name, average)
