"""Which source a studio dreams, and how it is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from livedream.capture.demo import DemoSource
from livedream.capture.kind import is_image
from livedream.capture.open import open_source
from livedream.capture.source import Source
from livedream.errors import ArgumentError, SourceError
from livedream.studio.library.player import play
from livedream.studio.library.repeated_picture import RepeatedPicture
from livedream.urls import redact

Kind = Literal["demo", "camera", "screen", "file", "browser", "given"]


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """One source."""

    kind: Kind
    id: str = ""
    """The number of a camera or screen, the id of a file, the client that lends its camera."""
    name: str = ""
    """What to call it."""


@dataclass(frozen=True, slots=True)
class Offers:
    """The sources that a studio can open; a request chooses among them by kind and id, and names no path."""

    given: str | None = None
    """What the command line names, as `open_source` takes it."""
    file: Callable[[str], tuple[str, Path]] = field(default=lambda id: _no_file(id))
    """Returns name and path of the file with this id. Raises ArgumentError."""
    files: Callable[[], Mapping[str, str]] = dict
    """The names of the files by id."""
    browser: Callable[[str], Source] = field(default=lambda client: _no_browser(client))
    """Opens the camera that a client lends. Raises SourceError."""

    def choices(self) -> list[SourceChoice]:
        """Return everything that can be opened now, except the cameras of browsers."""
        found = [SourceChoice("demo", "", "demo video")]
        if self.given is not None:
            found.append(SourceChoice("given", "", public_name(self.given)))
        found += [SourceChoice("camera", id, name) for id, name in _cameras().items()]
        found += [SourceChoice("screen", id, name) for id, name in _screens().items()]
        return found + [SourceChoice("file", id, name) for id, name in self.files().items()]

    def named(self, kind: Kind, id: str) -> SourceChoice:
        """Return the choice of this kind and id, with its name. Raises ArgumentError when nothing is offered there."""
        if kind == "browser":
            return SourceChoice(kind, id, "browser camera")
        found = next((choice for choice in self.choices() if (choice.kind, choice.id) == (kind, id)), None)
        if found is None:
            raise ArgumentError(f"there is no {kind} {id}".rstrip(), "reload the list of sources")
        return found

    def open(self, choice: SourceChoice) -> Source:
        """Open a source, which is live: a video is played in a loop, a picture is repeated.

        Raises what `open_source` raises.
        """
        match choice.kind:
            case "demo":
                return open_source("demo")
            case "camera":
                return open_source(int(choice.id))
            case "screen":
                return open_source(f"screen:{choice.id}")
            case "browser":
                return self.browser(choice.id)
            case "file":
                name, path = self.file(choice.id)
                return play(path, name)
            case "given":
                return _open_given(self.given or "demo")


def _open_given(spec: str) -> Source:
    source = open_source(spec)
    if source.live:
        return source
    source.close()
    if source.path is None or len(source.files) != 1:
        raise SourceError(f"{redact(spec)} is neither live nor one file", "name a camera, a video or a picture")
    return _played_here(source.path, public_name(spec))


def public_name(spec: str) -> str:
    """Return what pages call the source `spec`: no secret, and not where a file lies on this machine."""
    return redact(spec) if "://" in spec else Path(spec).name


def _played_here(path: Path, name: str) -> Source:
    """Return what `play` does, without a process of its own: for a file that the user trusts."""
    played: Source = RepeatedPicture.read(path) if is_image(path) else DemoSource(path)
    played.name = name
    return played


def _no_file(id: str) -> tuple[str, Path]:
    raise ArgumentError(f"there is no file {id}", "reload the list of files")


def _no_browser(client: str) -> Source:
    raise SourceError("no browser lends its camera", "press the button for your camera")


def _cameras() -> dict[str, str]:
    from livedream.capture.live.devices import list_cameras

    return {str(camera.index): camera.name for camera in list_cameras()}


def _screens() -> dict[str, str]:
    import mss

    try:
        with mss.MSS() as screens:
            areas = screens.monitors[1:]
    except (mss.ScreenShotError, AssertionError):  # no display; 10.2 raises AssertionError once the X server has gone
        return {}
    return {
        str(number): f"screen {number} ({area['width']}x{area['height']})" for number, area in enumerate(areas, start=1)
    }


def describe(source: Source) -> str:
    """`demo 1280x720, 25 fps`."""
    width, height = source.size
    rate = f", {float(source.rate):.4g} fps" if source.rate else ""
    return f"{source.name} {width}x{height}{rate}"


USUAL_RATE = Fraction(30)
"""Frames per second to hold where a source does not know its own rate."""
