"""Who gives way to the dream, and who does not."""

import os
import sys
import threading

import pytest

from livedream.pipeline import run
from tests.pipeline.parts import Frames, Kept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own here")


def own() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


class Asking(Frames):
    """Frames, and the priority of the thread that takes them."""

    def __iter__(self):
        self.priority = own()
        yield from super().__iter__()


@pytest.mark.parametrize("live", [False, True])
def test_the_dream_of_a_film_goes_first(live) -> None:
    usual, source = own(), Asking(3)
    source.live = live
    seen = []

    def dream(frame):
        seen.append(own())
        return frame

    run(source, dream, [Kept()])
    assert set(seen) == {usual}
    assert source.priority == (usual if live else min(usual + 5, 19))
    assert own() == usual
