"""Cameras that browsers lend: they send pictures, which a run reads as a source."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import cv2
import numpy as np

from livedream.capture.source import Source
from livedream.errors import SourceError
from livedream.frame import Frame
from livedream.letterbox import letterbox
from livedream.studio.media.bitrates import CLOCK_RATE

TICK_SECONDS = 0.1
"""The longest wait between two looks at the silence."""
SILENCE_SECONDS = 1.5
"""Silence after which a notice is shown, as for any camera."""
OPENING_SECONDS = 10.0
"""How long opening waits for the first picture: a person must allow the camera, and WebRTC must connect."""
MOST_SIDE = 4096
"""The greatest width or height that is accepted from a browser, in pixels."""

Picture = np.ndarray | av.VideoFrame


class _Sent(NamedTuple):
    picture: Picture
    moment: float
    number: int


class _Mailbox:
    """Holds the newest picture of one client; there is room for one."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.newest: _Sent | None = None
        self.lender: BrowserCamera | None = None
        """Who may put pictures in. A page that connects again takes over from its earlier connection."""
        self.closed = False

    def wait(self, number: int, seconds: float) -> _Sent | None:
        """Wait for a picture after number `number`; None if none came in time, or the mailbox is closed."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed or self._after(number), seconds)
            return self.newest if not self.closed and self._after(number) else None

    def stale_number(self) -> int:
        """Return the number of the newest picture if it is old, else 0: a source must not begin with an old one."""
        newest = self.newest
        return newest.number if newest is not None and time.monotonic() - newest.moment > SILENCE_SECONDS else 0

    def _after(self, number: int) -> bool:
        return self.newest is not None and self.newest.number > number


class BrowserCamera:
    """The end of a camera at which pictures go in. `BrowserCameras.lend` returns it. Any thread may use it."""

    def __init__(self, cameras: "BrowserCameras", client: str, mailbox: _Mailbox) -> None:
        self._cameras = cameras
        self._client = client
        self._mailbox = mailbox

    def put(self, picture: Picture, moment: float) -> None:
        """Replace the picture that waits. It is converted only if it is read.

        Args:
            picture: RGB, uint8, shape (height, width, 3), or a decoded frame of any pixel format.
            moment: when it was captured or came, in seconds of time.monotonic().
        """
        box = self._mailbox
        with box.changed:
            if box.lender is self and not box.closed:
                box.newest = _Sent(picture, moment, box.newest.number + 1 if box.newest is not None else 1)
                box.changed.notify_all()

    def close(self) -> None:
        """End the source that reads it, unless the client lends its camera anew. May be called twice."""
        self._cameras.end(self._client, self)


class BrowserCameras:
    """The cameras that clients lend, one for each. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mailboxes: dict[str, _Mailbox] = {}

    @property
    def lenders(self) -> tuple[str, ...]:
        """The clients that lend a camera now."""
        with self._lock:
            return tuple(client for client, box in self._mailboxes.items() if box.lender is not None)

    def lend(self, client: str) -> BrowserCamera:
        """Return the camera of a client, to put pictures in. The one that it had until now takes none any more."""
        with self._lock:
            box = self._mailboxes.setdefault(client, _Mailbox())
            camera = BrowserCamera(self, client, box)
            with box.changed:
                box.lender = camera
            return camera

    def open(self, client: str, seconds: float = OPENING_SECONDS) -> Source:
        """Return the pictures of a client as a source; wait for the first one.

        Args:
            client: whose camera; it may begin to lend it while this waits.
            seconds: how long to wait.

        Raises:
            SourceError: no picture came.
        """
        with self._lock:
            box = self._mailboxes.setdefault(client, _Mailbox())
        first = box.wait(box.stale_number(), seconds)
        if first is None:
            with self._lock:
                if box.lender is None and self._mailboxes.get(client) is box:
                    del self._mailboxes[client]
            raise SourceError("the browser sends no picture", "allow the page to use the camera, and keep it open")
        return _BrowserCameraSource(client, box, first)

    def end(self, client: str, camera: BrowserCamera) -> None:
        """Close the mailbox of a client if `camera` still is the one that it lends."""
        with self._lock:
            box = self._mailboxes.get(client)
            if box is None or box.lender is not camera:
                return
            del self._mailboxes[client]
        with box.changed:
            box.closed = True
            box.newest = None
            box.changed.notify_all()


class _BrowserCameraSource(Source):
    """The newest picture each time, in the size of the first one. It ends when the browser takes its camera back."""

    live = True
    rate = None
    time_base = Fraction(1, CLOCK_RATE)

    def __init__(self, client: str, mailbox: _Mailbox, first: _Sent) -> None:
        self.name = "browser camera"
        self.identity = f"browser {client}"
        self.moment = first.moment
        """When the frame that was yielded last was captured, in seconds of time.monotonic()."""
        pixels = _pixels(first.picture)
        self.size = (pixels.shape[1], pixels.shape[0])
        self._mailbox = mailbox
        self._closed = threading.Event()
        self._began = first.moment
        self._before = first.number
        """The number of the first picture, which has index 0."""
        self._taken = first.number - 1
        self._ticks = -1

    def __iter__(self) -> Iterator[Frame]:
        silent_since = time.monotonic()
        while not (self._closed.is_set() or self._mailbox.closed):
            sent = self._mailbox.wait(self._taken, TICK_SECONDS)
            if sent is None:
                silence = time.monotonic() - silent_since
                if silence >= SILENCE_SECONDS:
                    self.notice = f"the browser sends no picture: {silence:.0f} s"
                continue
            self._taken, self.notice = sent.number, None
            yield self._frame(sent)
            silent_since = time.monotonic()

    def _frame(self, sent: _Sent) -> Frame:
        self.moment = sent.moment
        self._ticks = max(round((sent.moment - self._began) * CLOCK_RATE), self._ticks + 1)
        return Frame(
            letterbox(_pixels(sent.picture), self.size), Fraction(self._ticks, CLOCK_RATE), sent.number - self._before
        )

    def close(self) -> None:
        self._closed.set()
        with self._mailbox.changed:
            self._mailbox.changed.notify_all()


def _pixels(picture: Picture) -> np.ndarray:
    """Return a picture as RGB."""
    if isinstance(picture, np.ndarray):
        return picture
    if picture.width > MOST_SIDE or picture.height > MOST_SIDE:
        raise SourceError(f"the browser sends {picture.width}x{picture.height} pixels", "choose a smaller size there")
    if picture.format.name == "yuv420p" and picture.width % 2 == picture.height % 2 == 0:
        # What both codecs give. 640x360 takes 0.2 ms so, and 2.3 ms with to_ndarray("rgb24").
        return cv2.cvtColor(picture.to_ndarray(), cv2.COLOR_YUV2RGB_I420)
    return picture.to_ndarray(format="rgb24")
