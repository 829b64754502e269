"""The process that plays a file, without being one."""

import io
import time

import pytest

from livedream.studio.library import player_process
from livedream.studio.library.player_messages import ALIVE


def test_signs_of_life_until_a_frame_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = io.BytesIO()
    assert player_process.wait(3.5, out) is False
    assert (out.getvalue(), slept) == (ALIVE * 3, [1.0, 1.0, 1.0, 0.5])
