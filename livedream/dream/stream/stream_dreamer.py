"""A stream of frames: analysis and dream, the backend, and the memory of the device."""

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from fractions import Fraction

import numpy as np
import torch

from livedream.dream.ascent import Ascent
from livedream.dream.backend.backend import Backend
from livedream.dream.backend.select import make_backend
from livedream.dream.compute.out_of_memory import first_line, is_out_of_memory
from livedream.dream.engine import Engine, stream_threads
from livedream.dream.image.octaves import Shape, share_of
from livedream.dream.image.precondition import PLAIN
from livedream.dream.objective.network_choice import network_for
from livedream.dream.stream.analysis import FrameAnalyzer
from livedream.dream.stream.frame_dreamer import FrameDreamer
from livedream.dream.stream.frames import AnalyzedFrame, DreamedFrame
from livedream.dream.stream.live_masks import MaskState
from livedream.dream.stream.working_shapes import WorkingShapes
from livedream.frame import Frame
from livedream.settings import DreamSettings
from livedream.steps import StepReport


class StreamDreamer:
    """Dreams the frames of a stream. The threads that analyze and dream may differ, if frames come to each in order."""

    def __init__(self, engine: Engine, shapes: WorkingShapes) -> None:
        self._engine = engine
        self._shapes = shapes
        self.backend: Backend | None = None
        """Made for the first frame, and again after its memory was released."""
        self.analyzer = FrameAnalyzer()
        self.frames = FrameDreamer(engine)

    def reset(self) -> None:
        """Forget all frames."""
        self.analyzer.finish()
        self.analyzer = FrameAnalyzer()
        self.frames = FrameDreamer(self._engine)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state after the last frame that was dreamt, as arrays by name."""
        return self.frames.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from `state`."""
        self.reset()
        settings, shape = self._engine.settings, None
        if "residual" in state:
            height, width = map(int, state["frame_size"])
            shape = self._shapes.octaves(settings, (height, width))[0]
            self.analyzer.restore(
                settings,
                shape,
                (height, width),
                previous=state["previous"],
                still_count=int(state["stood"]),
                mask_state=MaskState.from_arrays(state),
            )
        self.frames.restore(state, shape)

    def analyze(self, frame: Frame, settings: DreamSettings, *, begins: bool = False, ahead: bool) -> AnalyzedFrame:
        """Make the first step of a frame.

        Args:
            frame: the next frame.
            settings: the settings with which it will be dreamt.
            begins: whether to forget all frames before it.
            ahead: whether to estimate the flow on a thread of its own.
        """
        shapes = self._shapes.octaves(settings, shape_of(frame))
        self._shapes.current = shapes[0]
        return self.analyzer.analyze(
            frame,
            settings,
            shapes,
            flow_share=self._shapes.quality.flow,
            begins=begins,
            ahead=ahead,
            resizes_flow=not self.composes_on_gpu,  # a GPU resizes it itself
        )

    def dream(self, analyzed: AnalyzedFrame) -> DreamedFrame:
        """Make the second step of a frame. While memory does not suffice, do it again at a smaller size.

        Raises DeviceError when the device has not enough memory for the smallest size.
        """
        analyzed = self.analyzer.complete(analyzed)
        settings, frame_shape = self._engine.settings, shape_of(analyzed.frame)
        if min(map(min, analyzed.shapes)) < network_for(settings).smallest:
            # It was analyzed for another network, which accepts smaller images.
            analyzed = analyzed.at(self._shapes.octaves(settings, frame_shape))
        while True:
            try:
                return self.frames.dream(analyzed, self.ready_backend(), self._shapes.quality)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                reason = first_line(error)
            # Outside the except block: the error holds the tensors of the step that failed.
            if self.backend is None or not self.backend.holds_spare_memory:
                analyzed = analyzed.at(self._shapes.shrink(settings, frame_shape, analyzed.shapes, reason))
            self._free()

    def ready_backend(self) -> Backend:
        """Return the backend; make it if necessary."""
        if self.backend is None:
            self.backend = make_backend(self._engine.device)
        return self.backend

    @property
    def composes_on_gpu(self) -> bool:
        """Whether a GPU composes the frames."""
        return self.backend is not None and self.backend.composes_on_gpu

    def forget(self, ascent: Ascent) -> None:
        """Release the memory that is kept for `ascent`, which makes no more steps."""
        if self.backend is not None:
            self.backend.forget(ascent)

    def _free(self) -> None:
        if self.backend is not None:
            self.backend.free()
        self.backend = None

    def threads(self, *, ahead: bool) -> AbstractContextManager[None]:
        """Return the context of the thread that dreams; see `Dreamer.sharing_cores`.

        ahead: whether several frames are analyzed at the same time.
        """
        settings, frame_shape = self._engine.settings, self.analyzer.frame_shape
        shape = self._shapes.octaves(settings, frame_shape)[0] if frame_shape else self._shapes.current
        return stream_threads(self._engine.ascent, shape, settings.steps, ahead)

    # Warm-up

    def warm_up(self, frame_shape: Shape) -> None:
        """Dream some black frames of `frame_shape`, so that kernels are loaded, graphs recorded and buffers allocated.

        Every octave is used, the second frame inherits a residual, and the third a pending part too. A copy of this
        object dreams them: it shares network and backend, but has its own state of the stream.
        """
        while True:
            shapes = self._shapes.octaves(self._engine.settings, frame_shape)
            self._shapes.current = shapes[0]
            if self._dream_black_frames(frame_shape, shapes):
                return

    def _dream_black_frames(self, frame_shape: Shape, shapes: list[Shape]) -> bool:
        """Return whether memory sufficed for all of them."""
        settings = self._engine.settings.replace(steps=1)
        backend = self.ready_backend()
        other = copy.copy(self)
        other._engine = copy.copy(self._engine)
        other._engine.settings = settings
        other.analyzer = FrameAnalyzer()
        other.frames = FrameDreamer(other._engine)
        pixels = np.zeros((*frame_shape, 3), np.uint8)
        count = max(3, len(shapes))
        try:
            # With the threads of a stream: with another number everything is made again, 30 ms for the first frame.
            with self.threads(ahead=False):
                for number in range(count):
                    frame = Frame(pixels, Fraction(number), number)
                    other.dream(other.analyze(frame, settings, ahead=False)).finish()
                    if other.backend is not backend:  # its memory was released
                        return False
                    report = StepReport("warming up", number + 1, count, "frames", (number + 1) / count)
                    self._engine.report(report)
        finally:
            other.analyzer.finish()
            self.backend = other.backend
        return True

    def warm_up_ascent(self, ascent: Ascent, settings: DreamSettings) -> None:
        """Make one step of `ascent` at each octave, if a frame was dreamt before. Any thread may call it."""
        backend, frame_shape = self.backend, self.analyzer.frame_shape
        if backend is None or frame_shape is None:
            return
        shapes = self._shapes.octaves(settings, frame_shape)
        image = torch.zeros(1, 3, *shapes[0], device=ascent.network.device)
        try:
            # With the number of threads it will have: with another number everything would be made again.
            with stream_threads(ascent, shapes[0], settings.steps):
                for number, octave in enumerate(shapes):
                    backend.step(ascent, image, octave, (0, 0), 1.0, share_of(number, len(shapes)), PLAIN)
        except RuntimeError as error:
            # The thread that dreams will reduce the size when it uses the ascent.
            if not is_out_of_memory(error):
                raise


def shape_of(frame: Frame) -> Shape:
    """Return (height, width) of a frame."""
    return frame.pixels.shape[0], frame.pixels.shape[1]
