"""The first step of a frame: everything that needs no network."""

from dataclasses import replace

import numpy as np

from livedream.dream.compute.fresh_thread import begin_in_fresh_thread
from livedream.dream.compute.timing import StageTimes
from livedream.dream.image.octaves import Shape
from livedream.dream.image.resize import shrink
from livedream.dream.motion.flow import Flow, Motion
from livedream.dream.motion.zoom import zoom_flow
from livedream.dream.stream.frame_masks import StreamMasks
from livedream.dream.stream.frames import AnalyzedFrame
from livedream.dream.stream.live_masks import MaskState
from livedream.frame import Frame
from livedream.settings import DreamSettings


class FrameAnalyzer:
    """Shrinks the frames of a stream, estimates their motion and finds their live masks.

    It may be ahead of the thread that dreams, so it has its own state of the stream.
    """

    def __init__(self) -> None:
        self.frame_shape: Shape | None = None
        """(height, width) of the last frame; None before the first."""
        self.masks = StreamMasks()
        self._motion: Motion | None = None
        self._still_count = 0
        """Number of consecutive frames without motion, up to the last one."""

    def analyze(
        self,
        frame: Frame,
        settings: DreamSettings,
        shapes: list[Shape],
        *,
        flow_share: float,
        begins: bool,
        ahead: bool,
        resizes_flow: bool,
    ) -> AnalyzedFrame:
        """Return `frame` with everything that the dream needs to know about it.

        Args:
            frame: the next frame.
            settings: the settings with which it will be dreamt.
            shapes: its octaves.
            flow_share: factor of the size of the flow map, to save time.
            begins: whether to forget all frames before it.
            ahead: whether to estimate the flow on a thread of its own; `complete` waits for it.
            resizes_flow: whether the flow is wanted at the working size.
        """
        stages, shape = StageTimes(), shapes[0]
        frame_shape = frame.pixels.shape[0], frame.pixels.shape[1]
        scale = settings.flow_scale * flow_share
        if begins or self._motion is None or frame_shape != self.frame_shape:
            self._motion, self.frame_shape = Motion(shape, scale), frame_shape
        elif self._motion.made_for != (shape, scale):
            previous, self._motion = self._motion, Motion(shape, scale)
            self._motion.follow(previous)
        with stages.measure("resize"):
            small = shrink(frame.pixels, shape)
        with stages.measure("motion"):
            estimate = self._motion.begin(small)

        def estimate_flows() -> tuple[Flow | None, Flow | None]:
            with stages.measure("motion"):
                measured = estimate()
                if measured is None:
                    return None, None
                flow = zoom_flow(measured, settings.zoom, settings.rotate)
                # Here, because the second step takes longer than this one.
                return measured, flow.at(shape) if resizes_flow else flow

        wait = begin_in_fresh_thread(estimate_flows) if ahead else estimate_flows
        analyzed = AnalyzedFrame(frame, small, self._motion.previous, wait, None, shapes, 0, begins, stages, settings)
        return analyzed if ahead else self.complete(analyzed)

    def complete(self, analyzed: AnalyzedFrame) -> AnalyzedFrame:
        """Return `analyzed` with its flow and everything else that depends on the frames before it."""
        if analyzed.estimate is None:
            return analyzed
        measured, flow = analyzed.estimate()
        self._still_count = self._still_count + 1 if flow is not None and flow.still else 0
        # The masks follow the measured flow, not the zoom of the dream.
        masks = self.masks.of(
            analyzed.frame, analyzed.small, measured, analyzed.settings, analyzed.begins, analyzed.stages
        )
        return replace(
            analyzed,
            estimate=None,
            flow=flow,
            still_count=self._still_count,
            masks=masks,
            mask_state=self.masks.state,
        )

    def restore(
        self,
        settings: DreamSettings,
        shape: Shape,
        frame_shape: Shape,
        *,
        previous: np.ndarray,
        still_count: int,
        mask_state: MaskState | None,
    ) -> None:
        """Continue after a frame that another analyzer has seen.

        Args:
            settings: the settings of that frame.
            shape: (height, width) at which it was dreamt.
            frame_shape: its (height, width).
            previous: `AnalyzedFrame.grey` of that frame.
            still_count: `AnalyzedFrame.still_count` of that frame.
            mask_state: `AnalyzedFrame.mask_state` of that frame.
        """
        self.frame_shape = frame_shape
        self._motion = Motion(shape, settings.flow_scale, previous)
        self._still_count = still_count
        self.masks = StreamMasks(mask_state)

    def finish(self) -> None:
        """Wait for the search for a person that may still run."""
        self.masks.finish()
