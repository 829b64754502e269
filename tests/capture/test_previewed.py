"""A live source that is watched before it is iterated."""

import threading
from collections.abc import Iterator
from fractions import Fraction

import pytest

from livedream.capture.limited import LimitedSource
from livedream.capture.previewed import PreviewedSource
from livedream.errors import SourceError
from livedream.frame import Frame
from tests.pipeline.parts import Frames, make_frame

PATIENCE = 30.0


class OnDemand(Frames):
    """A live source whose next frame comes when it is asked for with `send`. After `fail` it fails."""

    def __init__(self) -> None:
        super().__init__(0, live=True)
        self._wanted = threading.Semaphore(0)
        self._closed = False
        self._error: SourceError | None = None
        self._index = 0

    def send(self, count: int = 1) -> None:
        self._wanted.release(count)

    def fail(self) -> None:
        self._error = SourceError("its cable is loose")
        self._wanted.release()

    def __iter__(self) -> Iterator[Frame]:
        while not self._closed:
            self._wanted.acquire()
            if self._error is not None:
                raise self._error
            if self._closed:
                return
            self._index += 1
            yield make_frame(self._index - 1)

    def close(self) -> None:
        self._closed = True
        self._wanted.release()


def send_when_handed_over(
    camera: OnDemand, preview: PreviewedSource, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Send frames when the iteration waits for the thread of the preview, which waits for a frame."""
    thread = preview._thread
    assert thread is not None
    join = thread.join

    def send_and_join() -> None:
        camera.send(count)
        join()

    monkeypatch.setattr(thread, "join", send_and_join)


@pytest.fixture
def camera() -> OnDemand:
    return OnDemand()


@pytest.fixture
def preview(camera: OnDemand) -> Iterator[PreviewedSource]:
    with PreviewedSource(camera) as source:
        yield source


def test_it_says_of_itself_what_the_source_says(preview: PreviewedSource, camera: OnDemand) -> None:
    camera.notice = "camera lost"
    assert (preview.notice, preview.live, preview.size, preview.rate) == ("camera lost", True, camera.size, camera.rate)


def test_the_iteration_goes_on_with_the_next_frame(
    preview: PreviewedSource, camera: OnDemand, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview.begin()
    camera.send()
    first = preview.newer(None, PATIENCE)
    assert first is not None and first.index == 0
    camera.send()
    second = preview.newer(first, PATIENCE)
    assert second is not None and second.index == 1
    assert preview.newer(second, 0) is None
    send_when_handed_over(camera, preview, 2, monkeypatch)
    frames = iter(preview)
    assert [next(frames).index, next(frames).index] == [2, 3]


def test_without_a_preview_it_is_the_source(preview: PreviewedSource, camera: OnDemand) -> None:
    camera.send(2)
    frames = iter(preview)
    assert [next(frames).index, next(frames).index] == [0, 1]


def test_what_was_previewed_is_no_part_of_the_duration(
    preview: PreviewedSource, camera: OnDemand, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = LimitedSource(preview, Fraction(2) / (camera.rate or 1))
    preview.begin()
    camera.send()
    assert preview.newer(None, PATIENCE) is not None
    send_when_handed_over(camera, preview, 4, monkeypatch)
    assert [frame.index for frame in limited] == [1, 2]


def test_a_failure_is_raised_to_who_watches_and_to_who_iterates(preview: PreviewedSource, camera: OnDemand) -> None:
    preview.begin()
    camera.fail()
    with pytest.raises(SourceError, match="loose"):
        preview.newer(None, PATIENCE)
    with pytest.raises(SourceError, match="loose"):
        next(iter(preview))


def test_closing_ends_the_preview(preview: PreviewedSource) -> None:
    preview.begin()
    preview.close()
    assert list(preview) == []
