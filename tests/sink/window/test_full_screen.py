"""Full screen, checked pixel by pixel on displays of various sizes. Each test runs in its own process."""

import os
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import x_server
from tests.sink.window.test_window_sink import run

START = """
    import cv2, mss
    from livedream.sink.window import window_sink as window_module
    from livedream.sink.window.placement import Placement
    NOISE = np.random.default_rng(0).integers(1, 256, (480, 640, 3), np.uint8)
    BODY = Frame(NOISE, Fraction(0), 0)

    def grab(with_cursor=False):
        with mss.MSS(with_cursor=with_cursor) as screens:
            shot = screens.grab(screens.monitors[0])
            return np.frombuffer(shot.rgb, np.uint8).reshape(shot.height, shot.width, 3).copy()

    def shows(left, top, width, height):
        "Whether the noise fills that place and all around it is exactly black."
        seen = grab()
        inside = seen[top : top + height, left : left + width].copy()
        seen[top : top + height, left : left + width] = 0
        return bool(inside.all() and not seen.any())  # the noise has no 0

    def twins(left, top, width, height):
        "The share of the columns that are as the one on their left."
        seen = grab()[top : top + height, left : left + width]
        return float((seen[:, 1:] == seen[:, :-1]).all(axis=(0, 2)).mean())

    def pointer_is_seen():
        "The X server knows, and mss asks it."
        return not np.array_equal(grab(with_cursor=True), grab())

    def press(*keys):
        xdotool("windowfocus", "--sync", window, "key", *keys)
"""


@pytest.mark.needs_display
@pytest.mark.parametrize(
    ("size", "place"),
    [
        ("1600x1000", (133, 0, 1333, 1000)),  # 1000 * 4 / 3 = 1333 wide
        ("1920x1080", (240, 0, 1440, 1080)),
    ],
)
def test_full_screen_shows_the_image_on_black_without_a_pointer(size: str, place: tuple[int, ...]) -> None:
    program = f"""
        with WindowSink("stage", placement=Placement(full_screen=True, position=(100, 50))) as sink:
            sink.write(BODY)
            window = xdotool("search", "--sync", "--onlyvisible", "--name", "stage").split()[0]
            xdotool("mousemove", "200", "200")  # within the window and the screen
            until(lambda: shows(*{place}))
            assert twins(*{place}) <= 0.01
            until(lambda: not pointer_is_seen())

            press("Escape")  # leaves full screen
            until(lambda: shows(100, 50, 640, 480))
            assert np.array_equal(grab()[50:530, 100:740], NOISE)
            until(pointer_is_seen)
            window_module.ESC_REPEAT_SECONDS = 1000  # it is held down
            press("Escape")
            for _ in range(20):
                sink.idle()
            assert not sink.finished

            sink.toggle_full_screen()
            until(lambda: shows(*{place}) and not pointer_is_seen())
            sink.toggle_full_screen()
            xdotool("windowsize", window, "500", "400")
            until(lambda: shows(100, 62, 500, 375))  # 500 * 3 / 4 = 375 high, in the middle of 400
            assert twins(100, 62, 500, 375) <= 0.01
            window_module.ESC_REPEAT_SECONDS = 0
            press("Escape")
            until(lambda: sink.finished)
    """
    with x_server(size) as display:
        run(textwrap.dedent(START) + textwrap.dedent(program), DISPLAY=display)


@contextmanager
def desktop() -> Iterator[str]:
    """Yield the name of a display with a window manager and two monitors side by side."""
    with x_server("1600x600") as display:
        manager = subprocess.Popen(["openbox"], env=os.environ | {"DISPLAY": display}, stderr=subprocess.DEVNULL)
        try:
            for monitor in (("left", "700/100x600/100+0+0", "screen"), ("right", "900/100x600/100+700+0", "none")):
                command = ["xrandr", "-d", display, "--setmonitor", *monitor]
                subprocess.run(command, check=True, capture_output=True, timeout=10)
            yield display
        finally:
            manager.terminate()
            manager.wait(10)


@pytest.mark.needs_desktop
def test_full_screen_covers_the_requested_monitor() -> None:
    program = """
        from livedream.sink.window.x11 import X11
        end = time.monotonic() + 10
        while not X11().has_window_manager():
            assert time.monotonic() < end, "there is no window manager"
        with WindowSink(placement=Placement(full_screen=True, monitor=2, title="Bühne")) as sink:
            sink.write(Frame(NOISE[:240, :320].copy(), Fraction(0), 0))
            until(lambda: shows(750, 0, 800, 600))  # 600 * 4 / 3 = 800 wide, in the middle of 900
            xdotool("mousemove", "1000", "200")
            until(lambda: not pointer_is_seen())
            assert cv2.getWindowProperty("Bühne", cv2.WND_PROP_FULLSCREEN) == 1
            sink.toggle_full_screen()
            until(lambda: cv2.getWindowImageRect("Bühne")[2:] == (320, 240))
            left, top = cv2.getWindowImageRect("Bühne")[:2]
            # 700 + (900 - 320) / 2 and (600 - 240) / 2, but for the frame.
            assert 990 <= left < 1000 and 180 <= top < 220, (left, top)
            until(pointer_is_seen)
        with WindowSink(placement=Placement(monitor=1, position=(30, 40))) as sink:
            sink.write(Frame(NOISE[:240, :320].copy(), Fraction(0), 0))
            until(lambda: cv2.getWindowImageRect("livedream")[0] in range(30, 40))
    """
    with desktop() as display:
        run(textwrap.dedent(START) + textwrap.dedent(program), DISPLAY=display)


ON_STAGE = """
    import os, threading
    from livedream.cli.main import main
    stage = {}

    def watch():
        def until(true):
            end = time.monotonic() + 30
            while not true():
                assert time.monotonic() < end, "it did not come"
                time.sleep(0.1)
        try:
            bars = lambda: np.concatenate((grab()[:50], grab()[-50:]))  # 1600 * 9 / 16 = 900 high
            until(lambda: grab()[50:950].any() and bars().any())  # the welcome
            began = time.monotonic()
            until(lambda: not bars().any())
            stage["text"] = time.monotonic() - began
            stage["twins"] = twins(0, 50, 1600, 900)
            window = xdotool("search", "--onlyvisible", "--name", "Projector").split()[0]
            xdotool("windowfocus", "--sync", window, "key", "h")
            until(lambda: bars().any())
            xdotool("windowfocus", "--sync", window, "key", "q")
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    options = "--full-screen --window-title Projector --fresh --fixed --working-height 32 --octaves 1"
    code = main(["run", "demo", "--to", "window", *options.split()])
    watcher.join()
    assert code == 0
    assert stage["text"] < 5, stage
    assert stage["twins"] <= 0.01, stage
"""


@pytest.mark.needs_display
def test_a_run_in_full_screen_shows_no_text_after_five_seconds() -> None:
    with x_server("1600x1000") as display:
        run(textwrap.dedent(START) + textwrap.dedent(ON_STAGE), DISPLAY=display)
