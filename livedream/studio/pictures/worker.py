"""The worker: a process that dreams small pictures of looks, beside a dream that needs the processor more.

    python -m livedream.studio.pictures.worker

It reads requests from standard input and writes pictures to standard output, see `messages`:

    request   {"round": 3, "looks": [{"name": "film", "controls": {...}}, ...]} and the picture as JPEG or PNG
    answer    {"round": 3, "name": "film"} and the picture as JPEG; or {"round": 3, "name": "film", "fault": "..."}
              {"round": 3, "idle": true} after a minute without requests

A request replaces an unfinished one. The process ends with standard input, and so with the studio.
"""

import io
import os
import sys
import threading
from typing import IO, Any

import numpy as np
from PIL import Image

from livedream.errors import ArgumentError, LivedreamError
from livedream.settings import DreamSettings
from livedream.studio.pictures.messages import Message, read_message, write_message
from livedream.studio.pictures.thumbnail import small_settings, thumbnail

IDLE_SECONDS = 60.0


class Requests:
    """The newest request from a stream. The process ends with the stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._newest: Message | None = None
        threading.Thread(target=self._read, name="livedream-picture-requests", daemon=True).start()

    def take(self, seconds: float) -> Message | None:
        """Return the newest request once, or None if there is none within `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, seconds)
            newest, self._newest = self._newest, None
            return newest

    @property
    def has_another(self) -> bool:
        """Whether there is a request that was not taken."""
        with self._changed:
            return self._newest is not None

    def _read(self) -> None:
        while (message := read_message(self._stream)) is not None:
            with self._changed:
                self._newest = message
                self._changed.notify()
        # At once, in the middle of a dream: nobody waits for it.
        os._exit(0)


class Artist:
    """Dreams small pictures. It keeps the networks of the package, which all looks share."""

    def __init__(self) -> None:
        from livedream.dream.dreamer import Dreamer  # two seconds, in which requests are read already

        self._dreamer = Dreamer(small_settings(DreamSettings()))

    def draw(self, pixels: np.ndarray, controls: dict[str, Any]) -> bytes:
        """Return the dream of `pixels`, RGB uint8 (height, width, 3), with these controls, as JPEG.

        Raises:
            LivedreamError, ArgumentError: it cannot be dreamt.
        """
        self._dreamer.settings = small_settings(DreamSettings().replace(**controls))
        return thumbnail(self._dreamer(pixels))


def serve(requests: Requests, answers: IO[bytes]) -> None:
    """Answer requests until the process ends."""
    artist = Artist()
    number = 0
    while True:
        request = requests.take(IDLE_SECONDS)
        if request is None:
            write_message(answers, {"round": number, "idle": True})
            continue
        number = request.header["round"]
        with Image.open(io.BytesIO(request.picture)) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        for look in request.header["looks"]:
            if requests.has_another:
                break
            about = {"round": number, "name": look["name"]}
            try:
                write_message(answers, about, artist.draw(pixels, look["controls"]))
            except (LivedreamError, ArgumentError) as error:
                write_message(answers, about | {"fault": str(error)})


def main() -> None:
    # Whatever a library prints must not come between the pictures.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(Requests(sys.stdin.buffer), answers)
    except BrokenPipeError:
        os._exit(0)  # the studio has ended


if __name__ == "__main__":
    main()
