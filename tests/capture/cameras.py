"""Cameras to test with: one on the network, in a process of its own, and one that is OpenCV's in name only."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.films import quarters


@contextlib.contextmanager
def network_camera(folder: Path, count: int | None = None, size: tuple[int, int] = (64, 48)) -> Iterator[str]:
    """The address of a camera that shows four coloured quarters; with `count` it hangs up after so many pictures."""
    picture = folder / "camera.jpg"
    Image.fromarray(quarters(size)).save(picture, quality=95, subsampling=0)
    command = [sys.executable, str(Path(__file__).parent / "mjpeg_server.py"), str(picture)]
    command += [str(count)] if count is not None else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/video.mjpg"
        finally:
            server.terminate()


class FakeCapture:
    """cv2.VideoCapture, from a list of what its reads return: pixels (BGR) or None for a read that fails."""

    opened: list["FakeCapture"]
    reads: list[np.ndarray | None]
    works = True
    properties: dict[int, float]

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.asked: list[tuple[int, float]] = []
        self.released = 0
        self.waiting = list(self.reads)
        self.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802 (cv2's name)
        return self.works

    def set(self, name: int, value: float) -> bool:
        self.asked.append((name, value))
        return False  # a camera that does as it likes

    def get(self, name: int) -> float:
        return self.properties.get(name, 0.0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        pixels = self.waiting.pop(0) if self.waiting else None
        return pixels is not None, pixels

    def release(self) -> None:
        self.released += 1


def fake_camera(
    patch: pytest.MonkeyPatch, reads: list[np.ndarray | None], fps: float = 30.0, works: bool = True
) -> list[FakeCapture]:
    """Make every camera of OpenCV's this one; returns the list of those that were opened."""
    opened: list[FakeCapture] = []
    kind = type(
        "Fake",
        (FakeCapture,),
        {"opened": opened, "reads": reads, "works": works, "properties": {cv2.CAP_PROP_FPS: fps}},
    )
    patch.setattr(cv2, "VideoCapture", kind)
    return opened
