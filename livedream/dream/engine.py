"""The engine: from settings to an `Ascent`.

It chooses device and precision, loads and traces the network, and moves the network to a safer precision when gradients
keep overflowing. Dreamer, Dive and Visualizer are built on it.
"""

import copy
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import fx

from livedream import models
from livedream.dream.ascent import Ascent
from livedream.dream.compute.forking import use_torch
from livedream.dream.compute.precision import Compute, choose_compute, next_safer
from livedream.dream.compute.threads import processors, sharing_cores, sleeping_at_barriers
from livedream.dream.dream_network import DreamNetwork
from livedream.dream.image.jitter import draw_shift
from livedream.dream.image.octaves import Shape
from livedream.dream.native import kernels, supported
from livedream.dream.objective.network_choice import network_for
from livedream.dream.objective.parser import parse
from livedream.dream.objective.validation import check_names
from livedream.errors import ArgumentError
from livedream.models.fx_graph import trace
from livedream.settings import CONTROLS, DreamSettings
from livedream.steps import OnStep, StepReport

_log = logging.getLogger(__name__)

# Multiplications and additions per frame, forward and backward, from which a network counts as heavy. At 3.3e9 in
# float32, videos of 1280x720 ran as fast with all cores as with one left free (21.7 and 21.1 frames per second on two
# cores). In bfloat16, which has matrix units, all cores were still slower at 4.9e9 (23.3 against 27.4).
_HEAVY = {torch.float32: 3e9, torch.bfloat16: 12e9, torch.float16: 12e9}
# This many non-finite steps in a row are not an accident of a single frame.
_PATIENCE = 3


class Engine:
    """Makes the `Ascent` for its settings when it is first needed, and again after they have changed.

    While one thread dreams with `ascent`, another may call `make_ascent`.

    Args:
        settings: model, weights, layers, pooling, device and precision decide about the ascent.
        on_step: called while a network is downloaded or loaded.
    """

    def __init__(self, settings: DreamSettings, on_step: OnStep | None = None) -> None:
        self._settings = settings
        self.on_step = on_step
        self.dropped_steps = 0
        """Number of steps that were skipped because their gradient was not finite."""
        self._dropped_in_a_row = 0
        self._ascent: Ascent | None = None
        self._compute: Compute | None = None
        self._traced: dict[tuple[str, str], fx.GraphModule] = {}
        """Traced networks by (name, weights): the current one, and the one that is prepared or was current before."""

    @property
    def settings(self) -> DreamSettings:
        """The current settings. Raises ArgumentError when a control is set that cannot change while a dream runs."""
        return self._settings

    @settings.setter
    def settings(self, settings: DreamSettings) -> None:
        if not isinstance(settings, DreamSettings):
            raise TypeError(f"settings must be DreamSettings, got {type(settings).__name__}")
        changed = [
            control for control in CONTROLS if getattr(self._settings, control.name) != getattr(settings, control.name)
        ]
        fixed = [control.name for control in changed if not control.live]
        if fixed and self._ascent is not None:
            raise ArgumentError(f"{', '.join(fixed)} cannot change while a dream runs", "make a new Dreamer")
        self._settings = settings
        if {control.name for control in changed} & {"model", "weights", "layers", "pooling"}:
            self._ascent = None

    @property
    def ascent(self) -> Ascent:
        """The ascent for the current settings; loads the network if necessary. Raises as `make_ascent`."""
        use_torch()
        if self._ascent is None:
            self._ascent = self.make_ascent(self._settings)
            self._dropped_in_a_row = 0
        return self._ascent

    @property
    def is_ready(self) -> bool:
        """Whether the ascent exists, so that `ascent` returns at once."""
        return self._ascent is not None

    @property
    def compute(self) -> Compute:
        """Device and precision of the network."""
        if self._compute is None:
            self._compute = choose_compute(self._settings.device, self._settings.precision)
        return self._compute

    @property
    def device(self) -> torch.device:
        """Device of the network; loads the network if necessary."""
        return self.ascent.network.mean.device

    @property
    def uses_cuda(self) -> bool:
        """Whether the network runs on an NVIDIA GPU; False before a device was chosen."""
        return self._compute is not None and self._compute.device.type == "cuda"

    @property
    def description(self) -> str:
        """Device, precision, network and objective, as in the first line of a run."""
        settings = self._settings
        suffix = _slow_path_note() if self.device.type == "cpu" else ""
        weights = "" if settings.weights == models.OFFICIAL else f" of {settings.weights}"
        network = network_for(settings)
        objective = parse(settings.layers, network.best)  # parsed again: it shows names instead of indices
        return f"{self.compute}{suffix}, {network.name}{weights}, {objective}"

    def make_ascent(self, settings: DreamSettings) -> Ascent:
        """Return a new ascent for `settings`, on the device and in the precision of this engine.

        Raises:
            ArgumentError: the network or a layer does not exist.
            DeviceError: the device or precision is not available.
            WeightsError: the weights are missing or damaged.
        """
        use_torch()
        network_info = network_for(settings)
        objective = parse(settings.layers, network_info.best, network_info.name)
        if (network_info.name, settings.weights) not in self._traced:
            check_names(settings)
        compute = self.compute
        network = DreamNetwork(copy.deepcopy(self._traced_network(settings)), network_info, objective, settings.pooling)
        network.to_compute(compute.device, compute.dtype)
        return Ascent(network, objective)

    def install(self, settings: DreamSettings, ascent: Ascent) -> bool:
        """Change to `settings` and, for them, to `ascent`, which `make_ascent` returned earlier.

        Returns False if the precision has changed since then: the ascent is discarded, and `ascent` makes another one.
        """
        self.settings = settings
        if self._compute is None or ascent.network.dtype != self._compute.dtype:
            return False
        self._ascent = ascent
        return True

    def count_dropped(self, dropped: int) -> None:
        """Count the non-finite steps of a frame or still. Too many in a row move the network to a safer precision."""
        if not dropped:
            self._dropped_in_a_row = 0
            return
        self.dropped_steps += dropped
        self._dropped_in_a_row += dropped
        if self._dropped_in_a_row < _PATIENCE or self._compute is None:
            return
        safer = next_safer(self._compute)
        _log.warning(
            "%d steps in a row were not finite in %s; %s",
            self._dropped_in_a_row,
            self._compute,
            f"the network moves to {safer}" if safer else "they are skipped",
        )
        if safer:
            self._compute, self._ascent = safer, None

    def draw_shift(self, number: int, step: int, shape: Shape) -> tuple[int, int]:
        """Return the random shift (down, right) of a step, in pixels.

        Args:
            number: index of the frame, or of the octave of a still.
            step: index of the step within it.
            shape: (height, width) of the octave.
        """
        # An objective with a fixed position in the image must not be shifted.
        jitter = 0 if self.ascent.objective.needs_whole_image else self._settings.jitter
        return draw_shift(self._settings.seed, number, step, jitter, shape)

    def report(self, report: StepReport) -> None:
        """Pass `report` to `on_step`, if it is set."""
        if self.on_step is not None:
            self.on_step(report)

    def _traced_network(self, settings: DreamSettings) -> fx.GraphModule:
        """Return the network of `settings` as a graph; load and trace it if necessary.

        At most two networks are kept. A third one replaces the one that is not current.
        """
        key = network_for(settings).name, settings.weights
        traced = self._traced.get(key)
        if traced is None:
            self.report(StepReport(f"loading {key[0]}"))
            current = network_for(self._settings).name, self._settings.weights
            # A new dictionary, because the thread that dreams and the one that prepares may both be here.
            self._traced = {other: graph for other, graph in self._traced.items() if other == current}
            traced = trace(models.load(*key, on_step=self.on_step))
            self._traced = {**self._traced, key: traced}
        return traced


def stream_threads(ascent: Ascent, shape: Shape, steps: int, ahead: bool = False) -> AbstractContextManager[None]:
    """Return the context for the thread that dreams a stream; see `Dreamer.sharing_cores`.

    Args:
        ascent: makes the steps.
        shape: (height, width) at which it dreams.
        steps: number of steps per frame.
        ahead: whether several frames are analyzed at the same time.
    """
    if ascent.network.device.type == "cuda":
        # Beside an H100 the flow of 960x540 took 14 ms with sixteen threads, 11 with eight and 21 with one. When
        # several flows run at once, fifteen threads keep eight cores busy with waiting.
        return sharing_cores(opencv=1 if ahead else max(1, processors() // 2))
    work = 2 * ascent.network.flops_per_pixel * shape[0] * shape[1] * steps
    return sharing_cores() if work < _HEAVY[ascent.network.dtype] else nullcontext()


@contextmanager
def call_threads(ascent: Ascent, shape: Shape, steps: int) -> Iterator[None]:
    """Context for a single call that makes `steps` steps at `shape`, beside other busy programs."""
    on_cpu = ascent.network.device.type == "cpu"
    with stream_threads(ascent, shape, steps), sleeping_at_barriers() if on_cpu else nullcontext():
        yield


def _slow_path_note() -> str:
    """Return why the CPU path is slower than possible, for the description; empty if it is not."""
    if not kernels.compiled:
        return " without compiled kernels"
    reason = supported.objection()
    return f" layer by layer ({reason})" if reason else ""
