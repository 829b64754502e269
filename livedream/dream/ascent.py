"""Gradient ascent: one step that makes an image show more of what the network sees in it.

Source: A. Mordvintsev et al., "Inceptionism", 2015 (google/deepdream, `make_step`): jitter by a roll, and a gradient
divided by its mean absolute value. In between, the gradient is preconditioned, see image/precondition.py.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.jitter import Shift, roll
from livedream.dream.image.masks import Masks
from livedream.dream.image.octaves import Shape
from livedream.dream.image.precondition import (
    PLAIN,
    Preconditioner,
    TensorPreconditioner,
    precondition,
    precondition_and_measure,
)
from livedream.dream.image.resize import scale
from livedream.dream.image.tiles import Tile, join
from livedream.dream.native import kernels
from livedream.dream.objective.objective import Objective

# The smallest normal float32: dividing by it leaves a gradient of zero at zero.
_SMALLEST = 1.2e-38
_LEAST_LOSS_SCALE = 2.0**-24
# Room for gradients to grow on their way back through a network in float16, which overflows at 65504 and underflows
# below 6e-8. With a gradient of 1 at the layer, the largest one was 4e4 in SqueezeNet and EfficientNet-Lite0 and 1e5 in
# ResNet-50; medians were between 0.01 (classes) and 1000. Without it the first steps of SqueezeNet overflowed on an
# H100.
_HEADROOM = 2.0**-7


class Ascent:
    """Takes steps up the gradient of an objective.

    A step whose gradient is not finite leaves the image unchanged and is counted in `dropped`, a tensor on the device
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
        """The tensors that a step changes in place. A captured CUDA graph (GraphedSteps) refers to them."""
        return self.dropped, self._loss_scale

    def take_dropped(self) -> Tensor:
        """Return the number of steps dropped since the last call, as a tensor on the device, and reset it."""
        dropped = self.dropped.clone()
        self.dropped.zero_()
        return dropped

    def step(
        self,
        image: Tensor,
        shape: Shape,
        shift: Shift,
        step_size: float | Tensor,
        share: float = 1.0,
        tiles: Sequence[Tile] = (),
        by: Preconditioner | TensorPreconditioner = PLAIN,
        on_tile: Callable[[float], None] | None = None,
    ) -> Tensor:
        """Take one step.

        Args:
            image: float32 RGB, (1, 3, h, w), 0..255. It is not changed.
            shape: (height, width) of the octave.
            shift: pixels by which the octave is rolled (down, right) before the network sees it.
            step_size: mean absolute change of a pixel, in levels of 255.
            share: position of the octave, from 0 (smallest) to 1 (full size), see `Objective.at`.
            tiles: the parts in which the network sees the octave; empty for the whole octave at once.
            by: the preconditioner, applied before the gradient is normalised.
            on_tile: called after each tile with the share of tiles that are done.

        Returns:
            The new image, in the shape of `image`.
        """
        full_shape = image.shape[2], image.shape[3]
        octave = image if shape == full_shape else scale(image, shape)
        rolled, objective = roll(octave, shift), self.objective.at(share)
        if tiles:
            # The shapes of tiles are drawn anew in each step, so it does not pay to record them.
            gradient = join(
                rolled, tiles, lambda tile: self._image_gradient(tile, objective, is_repeated=False), on_tile
            )
        else:
            gradient = self._image_gradient(rolled, objective)
        gradient = roll(gradient, (-shift[0], -shift[1]))
        if isinstance(step_size, float | int) and isinstance(by, Preconditioner) and image.device.type == "cpu":
            return self._climb_on_cpu(image, gradient, step_size, by)
        change = self._normalise(precondition(gradient, by)) * step_size
        if shape != full_shape:
            change = scale(change, full_shape)
        return image + change

    def loss(self, image: Tensor) -> float:
        """Return the value of the objective for `image`."""
        with torch.no_grad():
            return float(self.objective(self.network(image)))

    def _image_gradient(self, image: Tensor, objective: Objective, is_repeated: bool = True) -> Tensor:
        """Return the gradient of `objective` at `image`, by the hand-written pass if possible, else by autograd."""
        gradient = self.network.native_gradient(image, objective, is_repeated)
        if gradient is not None:
            return gradient
        leaf = image.detach().requires_grad_()
        with torch.enable_grad():
            activations = self.network(leaf)
            loss = objective(activations) * (self._loss_scale * self._magnification(activations))
            (gradient,) = torch.autograd.grad(loss, leaf)
        return gradient

    def _magnification(self, activations: Mapping[str, Tensor]) -> float:
        """Return the factor that keeps gradients in the range of the network's dtype; `_normalise` removes it.

        The derivative of a mean over a layer is of the order of one over the number of its elements.
        """
        if self.network.dtype != torch.float16:
            return 1.0
        return _HEADROOM * min(activations[name].numel() for name in self.network.layers)

    def _climb_on_cpu(self, image: Tensor, gradient: Tensor, step_size: float, by: Preconditioner) -> Tensor:
        """Return `image` moved up `gradient`, in fewer passes over memory: scalars need not stay on a device here."""
        gradient, mean = precondition_and_measure(gradient, by)
        if not math.isfinite(mean):
            self.dropped += 1
            return image.clone()
        if gradient.shape != image.shape:
            gradient = scale(gradient, (image.shape[2], image.shape[3]))
        return kernels.climb(image, gradient, step_size / max(mean, _SMALLEST))

    def _normalise(self, gradient: Tensor) -> Tensor:
        """Return `gradient` divided by its mean absolute value, or 0 if that is not finite. Adapts the loss scale."""
        mean = gradient.abs().mean()
        is_finite = torch.isfinite(mean)
        self.dropped += ~is_finite
        # The scale recovers, by a factor of two in 700 steps: otherwise an occasional overflow would, after hours, make
        # gradients vanish, which are finite. What overflows at the least scale does so for another reason.
        self._loss_scale.mul_(torch.where(is_finite, 1.001, 1 / 16)).clamp_(_LEAST_LOSS_SCALE, 1)
        return torch.where(is_finite, gradient, 0) / torch.where(is_finite, mean, 1).clamp_min(_SMALLEST)
