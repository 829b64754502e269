"""A studio for the tests of this folder."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import write_clip
from tests.studio.running import Client, running_studio, until


@pytest.fixture(scope="module")
def shared_studio() -> Iterator[Client]:
    """A client of a studio that dreams a small video. It takes a second to start, so all tests of a file share it.

    Its folder is not below that of pytest, where no test may leave a file open.
    """
    with tempfile.TemporaryDirectory(prefix="livedream-studio-") as name:
        film = write_clip(Path(name) / "film.mp4", size=(160, 96), rate=25, frames=50)
        with running_studio(Path(name) / "files", film) as client:
            yield client


@pytest.fixture
def client(shared_studio) -> Iterator[Client]:
    """The client, with the settings as they were at the beginning."""
    shared_studio.reset()
    yield shared_studio
    until(lambda: all(thread.name != "livedream-switch" for thread in threading.enumerate()))  # prepares settings


@pytest.fixture
def own_client(tmp_path, make_clip) -> Iterator[Client]:
    """A client of a studio of its own, for a test that changes the source."""
    with running_studio(tmp_path / "files", make_clip("film.mp4", size=(160, 96), rate=25, frames=50)) as client:
        yield client
