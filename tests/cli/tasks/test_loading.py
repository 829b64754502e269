"""The import of torch beside other work, in processes of their own: this one has imported it."""

import subprocess
import sys


def run(program: str, *arguments: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=timeout)


def test_it_goes_on_beside_other_work_and_changes_nothing_for_good() -> None:
    program = """
import gc, sys, threading
import livedream_startup
from livedream.cli.tasks import loading
livedream_startup.owns_process = True
loading.LAST_SECONDS = 600
loading.begin_loading()
loading.begin_loading()
print([thread.name for thread in threading.enumerate()].count(livedream_startup.LOADER), "torch" in sys.modules)
print(loading.is_loading())
loading.load_torch()
print(loading.is_loading(), "livedream.dream.dreamer" in sys.modules)
print(gc.isenabled())
"""
    done = run(program)
    # Until somebody waits for it, or a window shows something, it keeps out of the way.
    assert done.stdout.splitlines() == ["1 False", "True", "False True", "True"], done.stderr


def test_what_the_import_raises_is_raised_where_torch_is_wanted() -> None:
    program = """
import sys
import livedream_startup
from livedream.cli.tasks import loading
livedream_startup.owns_process = True
sys.modules["livedream.dream.dreamer"] = None
loading.begin_loading()
try:
    loading.load_torch()
except ImportError as error:
    print(error.name)
"""
    assert run(program).stdout == "livedream.dream.dreamer\n"


def test_a_program_of_somebody_else_has_no_thread_that_imports() -> None:
    program = """
import sys, threading
from livedream.cli.tasks import loading
loading.begin_loading()
print(threading.active_count(), loading.is_loading())
"""
    assert run(program).stdout == "1 False\n"


def test_the_command_does_not_wait_for_an_import_that_nobody_wants_any_more() -> None:
    """What it has said comes out, and its exit code."""
    program = """
import sys, threading
import livedream_launcher
import livedream_startup
import livedream.cli.main as cli

def command():
    threading.Thread(target=threading.Event().wait, name=livedream_startup.LOADER).start()
    print("said", end="")
    return 3

cli.main = command
sys.exit(livedream_launcher.main())
"""
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said", "")


def test_what_a_source_and_a_window_need_is_there_before_torch() -> None:
    program = """
import sys
import livedream.cli.main, livedream.cli.tasks.dream
import livedream.capture.live.network_stream, livedream.capture.demo, livedream.sink.window.window_sink
print({"torch", "torchvision"} & {*sys.modules})
"""
    assert run(program).stdout == "set()\n"
