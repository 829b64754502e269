"""What is shown while nothing else comes out, and how Ctrl-C ends it."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from livedream.cli import status_line
from livedream.cli.activity import Activity
from livedream.cli.console import say
from livedream.cli.main import main
from livedream.cli.signals import stopping
from livedream.cli.tasks.costs import step_cost
from livedream.settings import DreamSettings
from livedream.steps import StepReport
from tests.cli.test_signals import wait_until

ROOT = Path(__file__).parents[2]
STEP = StepReport("drawing", 14, 60, share=0.25)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def new_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Return what puts a terminal in the place of standard error. pytest has its own there when a test begins."""

    def new(kind: str = "xterm") -> Terminal:
        monkeypatch.setenv("TERM", kind)
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "stderr", shown := Terminal())
        return shown

    return new


def test_a_terminal_shows_at_once_what_is_done(new_terminal: Callable[[], Terminal]) -> None:
    terminal = new_terminal()
    with Activity("loading PyTorch"):
        assert "loading PyTorch" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # the line is erased


def test_what_is_quick_is_not_shown(new_terminal: Callable[[], Terminal]) -> None:
    terminal = new_terminal()
    with Activity("opening film.mp4", delay=60):
        pass
    assert "film.mp4" not in terminal.getvalue()


def test_steps_are_a_bar_and_one_inside_another_changes_the_same_line(new_terminal: Callable[[], Terminal]) -> None:
    terminal = new_terminal()
    with Activity("drawing") as outer:
        outer.step(STEP)
        wait_until(lambda: "drawing: step 14 of 60" in terminal.getvalue())
        assert "━" in terminal.getvalue()
        with Activity("reading a.png"):
            wait_until(lambda: "reading a.png" in terminal.getvalue())
        since = len(terminal.getvalue())
        wait_until(lambda: "drawing: step 14 of 60" in terminal.getvalue()[since:])


def test_a_dumb_terminal_gets_plain_lines(
    new_terminal: Callable[[str], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = new_terminal("dumb")
    monkeypatch.setattr(status_line, "PLAIN_SECONDS", 0.0)
    with Activity("drawing") as shown:
        shown.step(STEP)
        wait_until(lambda: "drawing: step 14 of 60\n" in terminal.getvalue())
    assert "\x1b" not in terminal.getvalue()


def test_quiet_shows_nothing(new_terminal: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_line, "is_quiet", lambda: True)
    terminal = new_terminal()
    with Activity("loading PyTorch"):
        pass
    assert terminal.getvalue() == ""


def test_standard_output_stays_what_it_is(
    new_terminal: Callable[[], Terminal], capsys: pytest.CaptureFixture[str]
) -> None:
    """`livedream doctor >file` shows a line that changes on the terminal, and its findings in the file."""
    terminal = new_terminal()
    with Activity("examining"):
        say("ok")
    assert capsys.readouterr().out == "ok\n"
    assert "ok" not in terminal.getvalue()


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
def test_a_signal_ends_the_thread_that_works() -> None:
    """The main thread may wait for it, so that its own exception comes too late."""
    with stopping() as stop, Activity("downloading vgg16") as shown:
        stop.hold()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            shown.step(STEP)


def test_deeper_layers_cost_more() -> None:
    settings = DreamSettings(model="squeezenet")
    costs = [
        step_cost(settings.replace(layers=layers))
        for layers in ("fire2", "fire5:12 + fire3", "fire9", "class:goldfinch")
    ]
    assert costs == sorted(costs) and costs[0] < costs[1] < costs[2] < costs[3]


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
def test_a_still_on_a_terminal_shows_its_steps_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    """500 steps at each of six octaves take minutes."""
    Image.effect_noise((400, 300), 50).convert("RGB").save(tmp_path / "a.png")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "livedream", "run", "a.png", "--still-steps", "500", "--device", "cpu"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "PYTHONPATH": str(ROOT)}
    shown = ""
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            while piece := read(ours):
                shown += piece
                if process.returncode is None and re.search(r"step \d+ of \d+", shown):
                    process.send_signal(signal.SIGINT)
                    asked = time.monotonic()
                    break
            while piece := read(ours):
                shown += piece
                took = time.monotonic() - asked
        finally:
            process.kill()
            os.close(ours)
    assert "loading PyTorch" in shown
    assert "Traceback" not in shown
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).rstrip().endswith("stopped: nothing was written")
    assert took < 20, "it dreamt to the end of an octave"
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # Linux's word for the end
        return ""


INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == os.environ["INTERRUPTED"]:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:  # some libraries make of it what they expect when they are imported
                raise ImportError(name)
sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
@pytest.mark.parametrize(
    "words", [["-m", "livedream"], ["-c", "import sys, livedream_launcher as l; sys.exit(l.main())"]]
)
@pytest.mark.parametrize("module", ["cv2", "livedream.cli.main", "click"])
def test_ctrl_c_while_it_is_imported_is_one_line(words: list[str], module: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "INTERRUPTED": module}
    done = subprocess.run([sys.executable, *words, "presets"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")


def test_ctrl_c_in_a_command_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("livedream.cli.commands.presets.preset_names", interrupt)
    assert main(["presets"]) == 130
    assert capsys.readouterr().err.split() == ["stopped"]  # click breaks the line of ^C before
