"""The shapes at which a stream is dreamt: those of the settings, smaller where time or memory do not suffice."""

import logging

from livedream.dream.image.octaves import Shape, octave_shapes, working_shape
from livedream.dream.objective.network_choice import network_for
from livedream.dream.stream.quality import QualityScale
from livedream.errors import DeviceError
from livedream.settings import DreamSettings

_log = logging.getLogger(__name__)

# Half as many pixels.
_REDUCTION = 0.7


class WorkingShapes:
    """Computes the octaves of a frame, and remembers by how much they had to shrink."""

    def __init__(self) -> None:
        self.current: Shape = (0, 0)
        """(height, width) of the dream; (0, 0) before the first image."""
        self.quality = QualityScale()
        """What is left out to save time. Any thread may set it at any time."""
        self._memory_share = 1.0

    def octaves(self, settings: DreamSettings, frame_shape: Shape) -> list[Shape]:
        """Return the shapes for frames of `frame_shape` (height, width): the working shape, then smaller octaves."""
        smallest = network_for(settings).smallest
        shape = working_shape(*frame_shape, round(settings.working_height * self._share), smallest)
        return octave_shapes(shape, settings.octaves, settings.octave_scale, smallest)

    def shrink(self, settings: DreamSettings, frame_shape: Shape, shapes: list[Shape], reason: str) -> list[Shape]:
        """Return smaller octaves than `shapes`, for which memory did not suffice, and log it; they stay that small.

        Raises DeviceError when `shapes` are the smallest that the network accepts.
        """
        self._memory_share = self._share * _REDUCTION
        smaller = self.octaves(settings, frame_shape)
        if smaller[0] == shapes[0]:
            raise too_little_memory(settings, shapes[0], reason, "choose a smaller network")
        self.current = smaller[0]
        _log.warning("%s: %s", self.notice, reason)
        return smaller

    @property
    def notice(self) -> str | None:
        """Says that memory does not suffice for the working size; None while it does."""
        if self._memory_share == 1:
            return None
        return f"not enough device memory: dreaming at no more than {self._memory_share:.0%} of the working height"

    @property
    def _share(self) -> float:
        """Factor of the working height."""
        return min(self.quality.height, self._memory_share)


def too_little_memory(settings: DreamSettings, shape: Shape, reason: str, remedy: str) -> DeviceError:
    """Return the error for a device without enough memory for `shape` (height, width)."""
    name = network_for(settings).name
    return DeviceError(
        f"not enough device memory for {name} at {shape[1]}x{shape[0]}: {reason}",
        f"end other programs that use it, or {remedy}",
    )
