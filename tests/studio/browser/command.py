"""`livedream studio` as a user starts it: a process that prints a link and ends with Ctrl-C."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Page

LIGHT = ("--working-height", "96", "--octaves", "1", "--device", "cpu")
"""A dream of few milliseconds per frame, so that the browser has the other core."""
PATIENCE = 60.0
INTERRUPTED = 130
"""The exit code after Ctrl-C, as of any program."""


class RunningStudio:
    """A studio that runs.

    Args:
        process: of the command. Its standard output is a pipe for text.
        folder: where it keeps its files.
        errors: the file that its standard error goes to.
    """

    def __init__(self, process: "subprocess.Popen[str]", folder: Path, errors: Path) -> None:
        self.process = process
        self.folder = folder
        self._errors = errors
        self._links: queue.Queue[str | None] = queue.Queue()
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read, name="livedream-test-output", daemon=True)
        self._reader.start()
        self.link = self.next_link()
        """A link that has not been used. It works once."""
        parts = urlsplit(self.link)
        self.url = f"{parts.scheme}://{parts.netloc}"
        """Where the server is, without a token and without a slash at the end."""

    def next_link(self) -> str:
        """Return the next link that it prints: each one that was used is replaced by a new one."""
        try:
            link = self._links.get(timeout=PATIENCE)
        except queue.Empty:
            link = None
        assert link is not None, f"the studio printed no link:\n{self.said}"
        return link

    def enter(self, page: "Page", path: str = "/") -> None:
        """Open a page of the studio, with a link of its own. path: with its query, if there is one."""
        page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}{urlsplit(self.link).query}")
        page.wait_for_url(f"{self.url}{path}")  # the page with the token moves on by itself
        self.link = self.next_link()

    @property
    def said(self) -> str:
        """All that it has printed, with standard error at the end."""
        return "".join(self._said) + self.complaints

    @property
    def complaints(self) -> str:
        """What it has printed on standard error."""
        return self._errors.read_text(encoding="utf-8")

    def stop(self) -> None:
        """Press Ctrl-C, and check that it ends well and leaves neither processes nor half-written files."""
        family = descendants(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the studio does not end:\n{self.said}") from None
        assert code == INTERRUPTED, f"the studio ended with {code}:\n{self.said}"
        assert "Traceback" not in self.said, self.said
        left = [pid for pid in family if is_running(pid)]
        assert left == [], f"processes left behind: {left}"
        files = [path for pattern in ("*.part.*", "*.lock") for path in self.folder.rglob(pattern)]
        assert files == [], "files left behind"

    def kill(self) -> None:
        """End what is still there, and close its output."""
        for pid in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.append(line)
            if found := re.search(r"https?://\S+[?&]token=\S+", line):
                self._links.put(found[0])
        self._links.put(None)


@contextlib.contextmanager
def started(folder: Path, *options: str, within: Sequence[str] = ()) -> Iterator[RunningStudio]:
    """Run `livedream studio` with these options, stop it at the end, and check how it ends.

    within: a command that runs the one that follows it, in its own place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    errors = folder.parent / f"{folder.name}-errors.txt"
    command = [
        *within,
        sys.executable,
        "-m",
        "livedream",
        "studio",
        "--port",
        "0",
        "--folder",
        str(folder),
        "--no-browser",
    ]
    with errors.open("w", encoding="utf-8") as written:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=written, text=True, encoding="utf-8"
        )
    studio = None
    try:
        studio = RunningStudio(process, folder, errors)
        yield studio
        studio.stop()
    finally:
        if studio is not None:
            studio.kill()
        else:
            process.kill()
            process.communicate()


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`; empty without /proc."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def is_running(pid: int) -> bool:
    """Return whether a process runs. One that has ended stays as a zombie until its new parent asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
