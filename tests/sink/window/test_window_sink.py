"""Windows, each in its own process: Qt lives as long as the process, and its failures end it.

Only Qt is tested: the wheels for Linux contain no other toolkit, and GTK, Cocoa and Win32 need other machines.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from livedream.errors import SinkError
from livedream.sink.window import window_sink
from livedream.sink.window.window_sink import WindowSink, fit

BUTTON = str(Path(__file__).parents[1] / "x11.py")

START = """
    import subprocess, sys, time
    from fractions import Fraction
    import numpy as np
    from livedream import Frame, SinkError
    from livedream.sink.window.window_sink import ESC_REPEAT_SECONDS, WindowSink

    def frame(size=(320, 240), color=(200, 40, 30)):
        return Frame(np.full((size[1], size[0], 3), color, np.uint8), Fraction(0), 0)

    def xdotool(*words):
        return subprocess.run(["xdotool", *words], capture_output=True, text=True, check=True).stdout.strip()

    def shown(title):
        return subprocess.run(["xdotool", "search", "--onlyvisible", "--name", title], capture_output=True).stdout

    def press(window, key):
        # Before each key: where no window manager is, a focus given while the window changes can be lost again.
        xdotool("windowfocus", "--sync", window, "key", key)

    def until(true):
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end, "it did not come"
            sink.idle()
"""


def run(program: str, **environment: str) -> str:
    """Run a program that begins with START; return what it printed."""
    program = textwrap.dedent(START) + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.needs_display
@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_closes_it(key: str, xvfb: str) -> None:
    run(f"""
        with WindowSink("closes by key") as sink:
            sink.write(frame())
            window = xdotool("search", "--sync", "--onlyvisible", "--name", "closes by key").split()[0]
            assert not sink.finished
            press(window, "a")
            for _ in range(20):
                sink.idle()
            assert not sink.finished
            for full_screen in (True, False):
                press(window, "f")
                until(lambda: sink.full_screen == full_screen)
            time.sleep(ESC_REPEAT_SECONDS)  # for so long Esc does nothing else
            press(window, {key!r})
            until(lambda: sink.finished)
            sink.write(frame())
            assert not shown("closes by key")
    """)


@pytest.mark.needs_display
def test_the_close_button_closes_it(xvfb: str) -> None:
    run(f"""
        with WindowSink("closes by button") as sink:
            sink.write(frame())
            window = xdotool("search", "--sync", "--onlyvisible", "--name", "closes by button").split()[0]
            assert not sink.finished
            subprocess.run([sys.executable, {BUTTON!r}, {xvfb!r}, window], check=True)
            until(lambda: sink.finished)
            assert not shown("closes by button")
    """)


@pytest.mark.needs_display
def test_shows_colours_as_they_are_in_a_window_as_large_as_the_frame(xvfb: str) -> None:
    run("""
        from PIL import ImageGrab
        import cv2
        with WindowSink("shows") as sink:
            sink.write(frame((320, 240), (200, 40, 30)))
            xdotool("search", "--sync", "--onlyvisible", "--name", "shows")
            x, y, width, height = cv2.getWindowImageRect("shows")
            assert (width, height) == (320, 240)
            until(lambda: ImageGrab.grab().getpixel((x + 160, y + 120)) == (200, 40, 30))
    """)


@pytest.mark.needs_display
def test_shows_the_pixel_aspect_ratio(xvfb: str) -> None:
    run("""
        import cv2
        with WindowSink("shape", pixel_aspect=Fraction(64, 45)) as sink:
            sink.write(frame((360, 288)))
            xdotool("search", "--sync", "--onlyvisible", "--name", "shape")
            assert cv2.getWindowImageRect("shape")[2:] == (512, 288)
    """)


@pytest.mark.needs_display
def test_belongs_to_the_main_thread(xvfb: str) -> None:
    run("""
        import threading
        sink, caught = WindowSink(), []
        def work():
            try: sink.write(frame())
            except RuntimeError as error: caught.append(error)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert caught
    """)


@pytest.mark.needs_display
def test_av_before_cv2_is_refused_and_does_not_hang(xvfb: str) -> None:
    program = """
        import av
        from livedream import SinkError, open_sink
        try: open_sink("window")
        except SinkError as error: print(error, "|", error.hint.command_line)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.startswith("cannot open a window: av was imported before cv2 | import livedream or cv2 before")


@pytest.mark.needs_display
def test_av_after_cv2_works(xvfb: str) -> None:
    run("""
        import av
        with WindowSink() as sink:
            sink.write(frame())
    """)


REFUSED = """
    try: WindowSink()
    except SinkError as error: print(error, "|", error.hint.command_line)
    else: print("opened")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no DISPLAY")
@pytest.mark.parametrize(
    ("display", "reason"),
    [
        ("", "there is no display (DISPLAY is not set)"),
        (":9753", "the display :9753 does not answer"),
        ("localhost:39", "the display localhost:39 does not answer"),
        ("nonsense", "DISPLAY=nonsense is not the name of a display"),
    ],
)
def test_no_display_is_one_line_and_no_abort(display: str, reason: str) -> None:
    said = run(REFUSED, DISPLAY=display)
    assert said.startswith(f"cannot open a window: {reason}")
    assert said.endswith("write a file instead: --to out.mp4\n")


@pytest.mark.needs_display
def test_qt_for_another_platform_than_x11_is_one_line_and_no_abort(xvfb: str) -> None:
    said = run(REFUSED, QT_QPA_PLATFORM="wayland")
    assert said.startswith("cannot open a window: OpenCV's Qt does not support wayland (QT_QPA_PLATFORM)")
    assert run(REFUSED, QT_QPA_PLATFORM="wayland;xcb") == "opened\n"


@pytest.mark.needs_display
def test_a_display_that_requires_a_cookie(tmp_path: Path) -> None:
    """With the key in .Xauthority the display answers, with another or none it does not."""
    right, wrong = bytes(range(16)), bytes(16)

    def authority(name: str, key: bytes) -> str:
        parts = [b"", b"", b"MIT-MAGIC-COOKIE-1", key]
        entry = b"\xff\xff" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)  # family: any host
        (tmp_path / name).write_bytes(entry)
        return str(tmp_path / name)

    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-nolisten", "tcp", "-auth", authority("server", right)],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            display = f":{pipe.readline().strip()}"
        refused = f"cannot open a window: the display {display} refuses this user"
        assert run(REFUSED, DISPLAY=display, XAUTHORITY=authority("right", right)) == "opened\n"
        assert run(REFUSED, DISPLAY=display, XAUTHORITY=authority("wrong", wrong)).startswith(refused)
        assert run(REFUSED, DISPLAY=display, XAUTHORITY=str(tmp_path / "absent")).startswith(refused)
    finally:
        server.terminate()
        server.wait(10)


def test_a_headless_build_of_opencv_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_sink, "_toolkit", lambda: "")
    with pytest.raises(SinkError, match="this OpenCV is built without windows") as caught:
        WindowSink()
    assert "opencv-python-headless" in caught.value.hint


@pytest.mark.needs_display
def test_keys_pressed_before_they_have_an_action_are_not_lost(xvfb: str) -> None:
    run("""
        pressed = []
        with WindowSink("early") as sink:
            sink.write(frame())
            window = xdotool("search", "--sync", "--onlyvisible", "--name", "early").split()[0]
            for key in "th":
                press(window, key)
                for _ in range(20):
                    sink.idle()
            sink.bind("t", lambda: pressed.append("t"))
            sink.bind("h", lambda: pressed.append("h"))
            until(lambda: pressed == ["t", "h"])
            for _ in range(20):
                sink.idle()
            assert pressed == ["t", "h"]
    """)


@pytest.mark.needs_display
def test_shows_text_and_what_a_key_changes_while_no_frame_comes(xvfb: str) -> None:
    run("""
        from PIL import ImageGrab
        with WindowSink("idle") as sink:
            sink.write(frame())
            window = xdotool("search", "--sync", "--onlyvisible", "--name", "idle").split()[0]
            def color(x=4, y=3): return ImageGrab.grab().getpixel((x, y))
            until(lambda: color() == (200, 40, 30))
            sink.text = lambda: [("camera lost",)]
            until(lambda: color() == (60, 12, 9))
            sink.bind("t", lambda: sink.toggle_help([("keys",)]))
            press(window, "t")
            until(lambda: color(160, 123) == (60, 12, 9))  # under the other text
            assert not sink.finished
            sink.quit()
            until(lambda: not shown("idle"))
    """)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (640, 480)),
        ((1280, 720), (1280, 720)),
        ((3840, 2160), (1280, 720)),
        ((1080, 1920), (405, 720)),
        ((16, 16), (240, 240)),
        ((160, 40), (320, 80)),
        ((400, 100), (400, 100)),
        ((1, 1000), (1, 720)),
    ],
)
def test_the_size_of_a_new_window_is_bounded(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(size) == expected
