"""What livedream is measured against: the same dream as most projects write it.

float32, contiguous, the whole network run with a hook on the layer, autograd through it; everything after the flow in
torch. The same steps, sizes, octaves and jitter as livedream's, so the work is equal and only the way of doing it is
not.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livedream import models
from livedream.dream.motion import Motion
from livedream.dream.objective import Objective
from livedream.dream.octaves import octave_sizes, working_size
from livedream.settings import DreamSettings


class Baseline:
    """Dreams a stream of frames, uint8 (h, w, 3), plainly. One object for one stream of one size."""

    def __init__(
        self, settings: DreamSettings, network: nn.Module, objective: Objective, size: tuple[int, int]
    ) -> None:
        """network: the whole of it, in float32. size: (width, height) of the frames."""
        row = models.find_network(settings.model)
        self._settings = settings
        self._network = network.requires_grad_(False)
        self._objective = objective
        self._found: dict[str, Tensor] = {}
        for name in objective.layers:
            network.get_submodule(name).register_forward_hook(self._keep(name))
        self._mean = torch.tensor(row.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(row.std).view(1, 3, 1, 1)
        self._size = working_size(size[1], size[0], settings.working_height, row.smallest)
        self._sizes = octave_sizes(self._size, settings.octaves, settings.octave_scale, row.smallest)
        self._motion = Motion(self._size, settings.flow_scale)
        self._residual: Tensor | None = None
        self._withheld: Tensor | None = None
        self._turn = 0

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        frame = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().contiguous()
        small = F.interpolate(frame, self._size, mode="bilinear", antialias=True)
        flow = self._motion(small[0].permute(1, 2, 0).round().byte().numpy())
        dream, withheld = small, None
        inherits = flow is not None and self._residual is not None
        if flow is not None and self._residual is not None:
            moved = self._warp(self._residual, flow.vectors, flow.confidence) * self._settings.keep
            dream = small + moved - 0.1 * moved.mean((2, 3), keepdim=True)
            if self._withheld is not None:
                withheld = self._warp(self._withheld, flow.vectors, flow.confidence)
        before = dream
        for _ in range(self._settings.steps):
            dream = self._step(dream, self._sizes[self._turn % len(self._sizes)])
            self._turn += 1
        dream = dream.clamp(0, 255)
        self._residual = shown = dream - small
        if inherits:
            change = dream - before if withheld is None else dream - before + withheld
            withheld = change * self._settings.temporal_smoothing
            shown = shown - withheld
        self._withheld = withheld
        grown = F.interpolate(shown, frame.shape[2:], mode="bilinear") * self._settings.strength
        return (frame + grown).clamp(0, 255).round().byte()[0].permute(1, 2, 0).contiguous().numpy()

    def _keep(self, name: str):  # type: ignore[no-untyped-def]  # a hook, as torch types them: anything
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self._found[name] = output

        return hook

    def _warp(self, residual: Tensor, vectors: np.ndarray, confidence: np.ndarray) -> Tensor:
        height, width = confidence.shape
        offsets = torch.from_numpy(vectors).permute(2, 0, 1)[None] * torch.tensor([2 / width, 2 / height]).view(
            1, 2, 1, 1
        )
        offsets = F.interpolate(offsets, self._size, mode="bilinear").permute(0, 2, 3, 1)
        grid = F.affine_grid(torch.eye(2, 3)[None], [1, 3, *self._size], align_corners=False)
        moved = F.grid_sample(residual, grid + offsets, padding_mode="border", align_corners=False)
        return moved * F.interpolate(torch.from_numpy(confidence)[None, None], self._size, mode="bilinear")

    def _step(self, picture: Tensor, size: tuple[int, int]) -> Tensor:
        octave = F.interpolate(picture, size, mode="bilinear", antialias=True)
        jitter = min(self._settings.jitter, min(size) // 2)
        shift = tuple(np.random.default_rng(self._turn).integers(-jitter, jitter, 2, endpoint=True).tolist())
        leaf = torch.roll(octave, shift, (2, 3)).requires_grad_()
        self._network((leaf - self._mean) / self._std)
        (gradient,) = torch.autograd.grad(self._objective(self._found), leaf)
        gradient = torch.roll(gradient, tuple(-s for s in shift), (2, 3))
        change = gradient / gradient.abs().mean() * self._settings.step_size
        return picture + F.interpolate(change, picture.shape[2:], mode="bilinear")
