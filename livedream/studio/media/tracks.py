"""The dream as a WebRTC track, and the track of a lent camera as pictures."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from livedream.studio.media.bitrates import CLOCK_RATE
from livedream.studio.media.broadcast import Shown, Watcher
from livedream.studio.media.browser_camera import BrowserCamera
from livedream.studio.media.view import View, render

LONGEST_SIDE = 1280
"""Pixels of the longer side of the video. Larger ones are encoded too slowly, and H.264 level 3.1 ends here."""


class DreamTrack(MediaStreamTrack):
    """The newest frame, whenever the connection is ready for one.

    Its clock counts from one frame that is sent to the next, not from capture to capture: a browser takes the time of
    the dream, which varies, for that of the network, and holds all frames back to even it out. 640x360 beside a busy
    browser was 100 ms old with the times of capture, of which it was held back 41 ms; with these 50 ms, and 9 ms.

    Args:
        watcher: of the broadcast; closed with the track.
        view: returns how the page looks at the dream now.
        sent: called with the time of each frame on the clock of the track (1/90000 s), and that of its capture in
            milliseconds of Unix time.
    """

    kind = "video"

    def __init__(self, watcher: Watcher, view: Callable[[], View], sent: Callable[[int, float], None]) -> None:
        super().__init__()
        self._watcher = watcher
        self._view = view
        self._sent = sent
        self._number = 0
        self._began: float | None = None
        self._pts = -1

    async def recv(self) -> av.VideoFrame:
        shown = await self._watcher.newer_than(self._number)
        self._number = shown.number
        picture = await asyncio.to_thread(_video_frame, shown, self._view())
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._pts = max(round((now - self._began) * CLOCK_RATE), self._pts + 1)
        picture.pts, picture.time_base = self._pts, Fraction(1, CLOCK_RATE)
        self._sent(self._pts, shown.captured_ms)
        return picture

    def stop(self) -> None:
        super().stop()
        self._watcher.close()


def _video_frame(shown: Shown, view: View) -> av.VideoFrame:
    width, height = shown.frame.size
    limit = min(LONGEST_SIDE, LONGEST_SIDE * width // height, view.width or LONGEST_SIDE)
    pixels = render(shown.frame, View(view.split, limit))
    # BT.601, which browsers assume. 1280x720 takes 0.3 ms so, and 5.5 ms with VideoFrame.reformat.
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


async def drain(track: MediaStreamTrack, lend: Callable[[], BrowserCamera]) -> None:
    """Put all pictures of a track into a camera, until the track ends; then close the camera.

    aiortc's queue of received frames has no bound, so each frame is taken out at once.

    Args:
        track: from a browser.
        lend: returns the camera. Called with the first frame: an earlier connection of the page sends until then.
    """
    camera: BrowserCamera | None = None
    try:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                camera = camera or lend()
                if isinstance(frame, av.VideoFrame):
                    camera.put(frame, time.monotonic())
    finally:
        if camera is not None:
            camera.close()
