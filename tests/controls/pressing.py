"""Play a run in a real window, as `livedream run` does, press every key, and look at what comes of it.

Usage: pressing.py, on a display of its own, in a folder for snapshots and recordings. Prints one JSON object:

    found    by key: "" where it did what it should, or what was wrong
    bound    the keys that the window answers
    gap      the longest time, in seconds, without a new picture
"""

import contextlib
import faulthandler
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageGrab

from livedream import Dreamer, DreamSettings, Frame
from livedream.capture.source import Source
from livedream.cli.tasks.interactive import PresetChoice, window_controls
from livedream.controls.controller import LiveController
from livedream.pipeline import run
from livedream.recipe import Recipe
from livedream.settings import CONTROLS
from livedream.sink.null import NullSink
from livedream.sink.window.window_sink import WindowSink
from livedream.stream_info import StreamInfo

TITLE = "pressing"
SECONDS = 15.0
HANGS_AFTER = 100.0
"""Seconds, a little less than the test waits: where each thread is then goes to stderr."""
NAMES = {"Space": "space", "?": "question", ",": "comma", ".": "period", "[": "bracketleft", "]": "bracketright"}
"""What xdotool calls them."""
WIDTH, HEIGHT, BAND = 320, 240, 20
SCENE = np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH, 3), np.uint8)
SCENE[:, : WIDTH // 2, 0] += 180  # red on the left, blue on the right
SCENE[:, WIDTH // 2 :, 2] += 180
SCENE[HEIGHT - BAND :] = 0


class Scene(Source):
    """A live source: it stands still, but for a band at the bottom that changes its grey from frame to frame."""

    name, size, rate, live = "scene", (WIDTH, HEIGHT), Fraction(30), True

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self.closed.wait(1 / 30):
            pixels = SCENE.copy()
            pixels[HEIGHT - BAND :] = abs(index * 8 % 400 - 200)
            yield Frame(pixels, Fraction(index, 30), index)
            index += 1

    def close(self) -> None:
        self.closed.set()


def depth_of(frame: Frame | None) -> float:
    """How far a dream is from its source."""
    if frame is None or frame.source is None:
        return 0.0
    return float(np.abs(frame.pixels.astype(int) - frame.source)[: HEIGHT - BAND].mean())


class Watched(WindowSink):
    """A window that notes the longest time between two of its pictures, the shallowest dream that it showed, and
    whether it is on the full screen.
    """

    gap, last, shallowest, full = 0.0, 0.0, np.inf, False

    def write(self, frame: Frame) -> None:
        self.shallowest = min(self.shallowest, depth_of(frame))
        now = time.perf_counter()
        if self.last:
            self.gap = max(self.gap, now - self.last)
        super().write(frame)
        self.last = now
        self.note()

    def idle(self) -> None:
        super().idle()
        self.note()

    def note(self) -> None:
        if self.last and not self.finished:
            self.full = self.full_screen and cv2.getWindowImageRect(TITLE)[2] > WIDTH


class Hands:
    """What presses the keys, on a thread of its own, and looks at the display."""

    def __init__(self, controller: LiveController, window: Watched, other: NullSink) -> None:
        self.controller, self.window, self.other = controller, window, other
        self.found: dict[str, str] = {}
        self.ended = threading.Event()
        """Set when the run has ended."""
        self.focus: tuple[str, ...] = ()

    def __call__(self) -> None:
        try:
            self.press_all()
        except Exception as error:  # noqa: BLE001  shown by the test
            self.found["hands"] = repr(error)
        finally:
            self.quit()

    def quit(self) -> None:
        """Press q until the run ends: on a busy machine a key can get lost with the focus."""
        end = time.monotonic() + 4 * SECONDS
        while not self.ended.is_set() and time.monotonic() < end:
            with contextlib.suppress(subprocess.SubprocessError):
                self.press("q")
            self.ended.wait(2)

    def press_all(self) -> None:
        found = xdotool("search", "--sync", "--onlyvisible", "--name", TITLE)
        self.focus = "windowfocus", "--sync", found.split()[0]
        until(lambda: self.depth() > 1)
        self.look()
        self.turn()
        self.keep()
        self.block()

    def try_key(self, key: str, done: Callable[[], bool]) -> None:
        self.press(key)
        self.found[key] = until(done)

    def press(self, key: str) -> None:
        # Before each key: where no window manager is, a focus given while the window opens can be lost again.
        xdotool(*self.focus, "key", NAMES.get(key, key))

    # What the display shows

    def grab(self) -> np.ndarray:
        return np.asarray(ImageGrab.grab().convert("RGB"))[:HEIGHT, :WIDTH].astype(int)

    def region(self, y: int, x: int) -> np.ndarray:
        """The mean colour of 40x40 pixels."""
        return self.grab()[y : y + 40, x : x + 40].mean(axis=(0, 1))

    def brightness(self, y: int, x: int) -> float:
        """The median of 40x40 pixels: under text that of its ground, whatever the text is."""
        return float(np.median(self.grab()[y : y + 40, x : x + 40].mean(axis=2)))

    def is_red_on(self, left: bool) -> bool:
        color = self.region(150, 40 if left else 240)
        return bool(color[0] > color[2] + 50)

    def shows_source(self, columns: slice) -> bool:
        rows = slice(140, 200)  # under the text
        return bool(np.abs(self.grab()[rows, columns] - SCENE[rows, columns]).max() <= 1)

    def depth(self) -> float:
        return depth_of(self.controller.newest)

    def look(self) -> None:
        left, right = slice(0, WIDTH // 2 - 4), slice(WIDTH // 2 + 4, WIDTH)
        self.try_key("v", lambda: self.shows_source(left) and not self.shows_source(right))
        line = self.grab()[140:200, WIDTH // 2]
        if not (line == 255).all():
            self.found["v"] += "no line in the middle"
        self.again("v", lambda: not self.shows_source(left))
        self.try_key("d", lambda: self.shows_source(slice(0, WIDTH)))
        self.again("d", lambda: not self.shows_source(left))
        self.try_key("m", lambda: self.is_red_on(left=False))
        self.again("m", lambda: self.is_red_on(left=True))

        self.press("j")  # means nothing
        until(lambda: not self.controller.messages.texts and self.region(2, 10)[0] > 150)
        bare = self.brightness(2, 10), self.brightness(100, 140)
        self.try_key("h", lambda: self.brightness(2, 10) < bare[0] / 2)
        self.again("h", lambda: self.brightness(2, 10) > bare[0] * 0.75)
        self.try_key("?", lambda: self.brightness(100, 140) < bare[1] / 2)
        self.again("?", lambda: self.brightness(100, 140) > bare[1] * 0.75)
        self.try_key("f", lambda: self.window.full)
        self.again("f", lambda: not self.window.full)

        self.try_key("Space", lambda: self.controller.frozen)
        newest = self.controller.newest
        until(lambda: self.index() > newest.index + 2)
        for _ in range(3):  # on a busy machine a frame from before the key may still be on its way to the window
            band = self.grab()[HEIGHT - BAND :]
            seen = self.index()
            until(lambda seen=seen: self.index() > seen + 5)  # type: ignore[misc]
            if np.array_equal(band, self.grab()[HEIGHT - BAND :]):
                break
        else:
            self.found["Space"] = "the picture moves"
        self.again("Space", lambda: not np.array_equal(band, self.grab()[HEIGHT - BAND :]))

        for _ in range(3):  # on a busy machine the window may show no picture before the dream has grown again
            until(lambda: self.depth() > 3)
            # Of every picture: the dream grows again while xdotool ends.
            deep, self.window.shallowest = self.depth(), np.inf
            self.try_key("x", lambda deep=deep: self.window.shallowest < deep / 2)  # type: ignore[misc]
            if not self.found["x"]:
                break

    def again(self, key: str, done: Callable[[], bool]) -> None:
        """Press a key that goes back to where it was."""
        self.press(key)
        wrong = until(done)
        if wrong:
            self.found[key] += f"pressed again: {wrong}"

    def index(self) -> int:
        return self.controller.newest.index if self.controller.newest else 0

    # What the dreamer does

    def turn(self) -> None:
        for control in CONTROLS:
            for key, presses in zip(control.keys, (1,) if len(control.keys) == 1 else (-1, 1), strict=False):
                before = getattr(self.controller.in_force, control.name)
                wanted = control.turned(before, presses) if control.press else None
                self.try_key(key, partial(self.is_turned, control.name, before, wanted))
        self.found["a"] += self.masks()
        self.try_key("t", lambda: self.controller.touring)
        self.again("t", lambda: not self.controller.touring)
        for key in ("p", "n"):
            preset = self.controller.preset
            self.try_key(key, lambda preset=preset: self.controller.preset != preset)  # type: ignore[misc]
            self.found[key] += until(lambda: self.controller.in_force == self.controller.settings)

    def masks(self) -> str:
        """Go on from the mask of a person to all others. There is none, and but for the band nothing moves."""
        wrong = ""
        for mask, shows_source in (("background", False), ("motion", True), ("still", False), ("all", False)):
            self.press("a")
            wrong += until(lambda mask=mask, shown=shows_source: self.is_masked(mask, shown)) and f" {mask} not seen"  # type: ignore[misc]
        return wrong

    def is_masked(self, mask: str, shows_source: bool) -> bool:
        """Return whether this mask has faded in, and the window shows the source, or not, where nothing moves."""
        there = self.controller.in_force.mask == mask and self.controller.in_force == self.controller.settings
        return there and self.shows_source(slice(0, WIDTH)) == shows_source

    def is_turned(self, name: str, before: object, wanted: object) -> bool:
        value = getattr(self.controller.in_force, name)
        return value == wanted if wanted is not None else value != before

    # What is kept

    def keep(self) -> None:
        self.try_key("s", lambda: whole(".png"))
        begin = self.index()
        self.try_key("r", lambda: self.index() > begin + 20 and not whole(".mp4"))
        self.again("r", lambda: whole(".mp4"))

    # A window that is busy

    def block(self) -> None:
        """Something holds the thread of the window, as some systems do while it is dragged."""
        before = self.index(), self.other.count

        def hold() -> None:
            self.found["busy"] = until(lambda: self.index() > before[0] + 20 and self.other.count > before[1] + 15)

        gap = self.window.gap
        self.window.bind("z", hold)
        self.press("z")
        until(lambda: "busy" in self.found)
        self.window.last, self.window.gap = 0.0, gap


def whole(suffix: str) -> bool:
    """Return whether there is such a file, complete."""
    return any(".part" not in path.name for path in Path().glob(f"livedream-*{suffix}"))


def until(true: Callable[[], bool]) -> str:
    """Wait until it is true; returns "", or what is wrong."""
    end = time.monotonic() + SECONDS
    while not true():
        if time.monotonic() > end:
            return "nothing happened"
        time.sleep(0.01)
    return ""


def xdotool(*words: str) -> str:
    return subprocess.run(["xdotool", *words], capture_output=True, text=True, check=True, timeout=SECONDS).stdout


def main() -> None:
    faulthandler.dump_traceback_later(HANGS_AFTER)
    # Everything can be turned both ways.
    settings = DreamSettings(working_height=64, layers="fire5", steps=2, precision="float32", device="cpu")
    dreamer = Dreamer(settings)
    dreamer.prepare((WIDTH, HEIGHT))
    source = Scene()
    with contextlib.ExitStack() as stack:
        window, other = stack.enter_context(Watched(TITLE)), stack.enter_context(NullSink())
        sinks = [other, window]
        info = StreamInfo.of(source)
        played = stack.enter_context(
            window_controls(dreamer, sinks, PresetChoice("live"), info=info, recipe=Recipe(settings=settings))
        )
        assert isinstance(played.dreamer, LiveController)
        hands = Hands(played.dreamer, window, other)
        thread = threading.Thread(target=hands)
        thread.start()
        run(source, played.dreamer, sinks, on_progress=played.on_progress, changes=played.changes)
        hands.ended.set()
        thread.join()
    json.dump({"found": hands.found, "bound": list(window._keys), "gap": window.gap}, sys.stdout)


if __name__ == "__main__":
    main()
