"""Gradient ascent: one step that makes a picture show more of what the network sees in it.

Source: A. Mordvintsev et al., "Inceptionism", 2015 (google/deepdream, `make_step`): jitter by a roll, gradient divided
by its mean absolute value. What is done to the gradient between the two is in precondition.py.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.jitter import Shift, roll
from livedream.dream.image.masks import Masks
from livedream.dream.image.octaves import Size
from livedream.dream.image.precondition import PLAIN, Preconditioner, TensorPreconditioner, precondition
from livedream.dream.image.resize import scale
from livedream.dream.image.tiles import Tile, join
from livedream.dream.native import kernels
from livedream.dream.objective.objective import Objective

# The smallest normal float32: dividing by it keeps a gradient of zero a change of zero.
_SMALLEST = 1.2e-38
_LEAST_SCALE = 2.0**-24
"""Of the loss, see Ascent."""
# Room for gradients to grow on their way back through a network in float16, which ends at 65504 and loses what is under
# 6e-8. With a slope of 1 at the layer the largest was 4e4 in SqueezeNet and EfficientNet-Lite0 and 1e5 in ResNet-50;
# medians were 0.01 (classes) to 1000. Without it the first steps of SqueezeNet overflowed on an H100.
_HEADROOM = 2.0**-7


class Ascent:
    """Steps up the gradient of `objective`.

    A step whose gradient is not finite leaves the picture as it is and is counted in `dropped`, a tensor on the device
    of the network, so that counting does not wait for the device.
    """

    def __init__(self, network: DreamNetwork, objective: Objective) -> None:
        self.network = network
        self.objective = objective.bind(network)
        self.masks = Masks(objective.all_masks)
        device = network.mean.device
        self.dropped = torch.zeros((), dtype=torch.int32, device=device)
        self._loss_scale = torch.ones((), device=device)

    @property
    def state(self) -> tuple[Tensor, ...]:
        """What a step changes besides the picture, in place: a recorded graph (GraphedSteps) finds it where it was."""
        return self.dropped, self._loss_scale

    def take_dropped(self) -> Tensor:
        """Return how many steps were dropped since this was asked last, on the device."""
        dropped = self.dropped.clone()
        self.dropped.zero_()
        return dropped

    def step(
        self,
        picture: Tensor,
        size: Size,
        shift: Shift,
        step_size: float | Tensor,
        share: float = 1.0,
        tiles: Sequence[Tile] = (),
        by: Preconditioner | TensorPreconditioner = PLAIN,
        on_tile: Callable[[float], None] | None = None,
    ) -> Tensor:
        """Return `picture` moved by one step.

        picture: float32 RGB, (1, 3, h, w), 0..255; not changed.
        size: (height, width) of the octave at which to look.
        shift: how far the octave is rolled (down, right) before the network sees it, in pixels.
        step_size: mean size of the change to a pixel, in levels of 255.
        share: which octave that is, from 0, the smallest, to 1, the full size: see `Objective.at`.
        tiles: the parts in which the network sees the octave; none for all of it at once.
        by: what the gradient is preconditioned by, before it is brought to its mean size.
        on_tile: called after each tile with the share of them that is done.
        """
        whole = picture.shape[2], picture.shape[3]
        octave = picture if size == whole else scale(picture, size)
        rolled, objective = roll(octave, shift), self.objective.at(share)
        if tiles:
            gradient = join(rolled, tiles, lambda part: self._gradient(part, objective, again=False), on_tile)
        else:
            gradient = self._gradient(rolled, objective)
        gradient = roll(gradient, (-shift[0], -shift[1]))
        if isinstance(step_size, float | int) and isinstance(by, Preconditioner) and picture.device.type == "cpu":
            return self._climb(picture, gradient, step_size, by)
        change = self._normalise(precondition(gradient, by)) * step_size
        if size != whole:
            change = scale(change, whole)
        return picture + change

    def loss(self, picture: Tensor) -> float:
        """Return the value of the objective for `picture`."""
        with torch.no_grad():
            return float(self.objective(self.network(picture)))

    def _gradient(self, picture: Tensor, objective: Objective, again: bool = True) -> Tensor:
        written_out = self.network.gradient(picture, objective, again)
        if written_out is not None:
            return written_out
        leaf = picture.detach().requires_grad_()
        with torch.enable_grad():
            found = self.network(leaf)
            loss = objective(found) * (self._loss_scale * self._magnification(found))
            (gradient,) = torch.autograd.grad(loss, leaf)
        return gradient

    def _magnification(self, found: Mapping[str, Tensor]) -> float:
        """Return the factor that keeps gradients in the range of the network's numbers; `_normalise` takes it out.

        The derivative of a mean over a layer is of the order of one over the number of its elements.
        """
        if self.network.dtype != torch.float16:
            return 1.0
        return _HEADROOM * min(found[name].numel() for name in self.network.layers)

    def _climb(self, picture: Tensor, gradient: Tensor, step_size: float, by: Preconditioner) -> Tensor:
        """Return `picture` moved up `gradient`, where numbers need not stay on a device: fewer passes over memory."""
        gradient, mean = kernels.precondition(gradient, by)
        if not math.isfinite(mean):
            self.dropped += 1
            return picture.clone()
        if gradient.shape != picture.shape:
            gradient = scale(gradient, (picture.shape[2], picture.shape[3]))
        return kernels.climb(picture, gradient, step_size / max(mean, _SMALLEST))

    def _normalise(self, gradient: Tensor) -> Tensor:
        mean = gradient.abs().mean()
        finite = torch.isfinite(mean)
        self.dropped += ~finite
        # It comes back, to twice the value in 700 steps: else now and then an overflow, and after some hours gradients
        # vanish, which are finite. What overflows at the least of them does so for another reason.
        self._loss_scale.mul_(torch.where(finite, 1.001, 1 / 16)).clamp_(_LEAST_SCALE, 1)
        return torch.where(finite, gradient, 0) / torch.where(finite, mean, 1).clamp_min(_SMALLEST)
