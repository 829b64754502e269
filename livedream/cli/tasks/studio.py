"""Runs a studio: prints its link, opens the browser, and dreams until a signal comes."""

import os
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from livedream.capture.open import open_source, takes_size_and_rate
from livedream.cli.console import remark, say, say_link
from livedream.cli.signals import Stopped, stopping
from livedream.cli.tasks.loading import load_torch
from livedream.cli.tasks.recipes import choose_settings
from livedream.errors import LivedreamError, SinkError
from livedream.presets import load_preset
from livedream.sink.open import WINDOW, open_sink
from livedream.sink.sink import Sink
from livedream.urls import STREAMS

if TYPE_CHECKING:
    from livedream.studio.studio import Studio

PACKAGES = ("aiortc", "fastapi", "uvicorn", "websockets", "segno", "trustme")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioOptions:
    """The options of the command."""

    source: str | None
    host: str
    port: int
    https: bool
    folder: Path | None
    largest_upload: int
    """Bytes."""
    opens_browser: bool
    window: bool
    preset: str
    controls: Mapping[str, Any]


def run_studio(options: StudioOptions) -> int:
    """Run a studio, and return the exit code.

    Raises ArgumentError for wrong options, and what opening the source, the window and the server raises.
    """
    check_packages()
    settings = choose_settings(options.preset, options.controls)
    if options.source is not None:
        check_source(options.source)
    load_torch()
    from livedream.studio.server.access import VARIABLE
    from livedream.studio.session.history import Look
    from livedream.studio.studio import StudioRequest, studio

    with stopping() as stop, ExitStack() as stack:
        window = stack.enter_context(_open_window()) if options.window else None
        request = StudioRequest(
            folder=options.folder or platformdirs.user_data_path("livedream", appauthor=False) / "studio",
            look=Look(settings, options.preset, load_preset(options.preset)),
            source=options.source,
            host=options.host,
            port=options.port,
            https=options.https,
            token=os.environ.get(VARIABLE) or None,
            largest_upload=options.largest_upload,
            window=window,
        )
        try:
            running = stack.enter_context(studio(request))
            announce(running, opens_browser=options.opens_browser)
            stop.hold()
            running.session.run(stop.check)
        except Stopped as stopped:
            remark("stopped")
            return stopped.exit_code
    return 0


def _open_window() -> Sink:
    try:
        return open_sink(WINDOW)
    except SinkError as error:
        raise SinkError(str(error), "leave out --window; the page shows the dream") from error


def check_packages() -> None:
    """Raise LivedreamError when packages of the extra are missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise LivedreamError(f"the studio needs {', '.join(missing)}", "pip install 'livedream[studio]'")


def check_source(source: str) -> None:
    """Raise what `open_source` raises for a source that is not a camera, a screen, a stream or standard input.

    Those may be there later, and take seconds to open: the page shows their errors. A wrong name is an error at once.
    """
    scheme, colon, _ = source.partition("://")
    if not (scheme.lower() in STREAMS if colon else takes_size_and_rate(source)):
        open_source(source).close()


def announce(running: "Studio", *, opens_browser: bool) -> None:
    """Print where the page is and who can reach it, and open it. Each link that is used is replaced by a new one."""
    address = running.address
    if address.is_private:
        say("studio: only this machine can reach it")
    else:
        say(f"studio: every device that reaches {address.public_host} can open it, with a link from here or the page")
        if not address.secure:
            remark("warning: the pictures are not encrypted, and phones do not give their camera; add --https")
    if running.fingerprint is not None:
        say("the browser warns once, because the studio made its certificate itself; its SHA-256 fingerprint is")
        say(running.fingerprint)
    token = running.access.new_token()
    printed = {token}
    link = address.link(token)
    say_link("open", link)
    say("Each link works once, for ten minutes. Ctrl-C ends the studio.")

    def on_used(used: str) -> None:
        if used in printed:
            printed.clear()
            printed.add(token := running.access.new_token())
            say_link("for another browser", address.link(token))

    running.access.on_used = on_used
    if opens_browser and not _opened(link):
        remark("no browser can be opened here: open the link yourself")


def _opened(link: str) -> bool:
    """Open a link in a graphical browser, and return whether there is one. One for terminals would take this one."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(link)
    except webbrowser.Error:
        return False
