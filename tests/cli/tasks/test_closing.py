"""All sources and sinks are closed, and the first error is raised."""

import signal

import pytest

from livedream.cli.signals import Stopped, stopping
from livedream.cli.tasks.closing import closing
from livedream.errors import SinkError
from tests.pipeline.parts import Frames, Kept


class TestClosing:
    class Failing(Kept):
        def close(self):
            super().close()
            raise SinkError(f"{self.name}: disk full")

    def close_after(self, error, *things):
        with stopping() as stop, closing(stop) as opened:
            for thing in things:
                opened(thing)
            if error:
                raise error

    def test_without_an_error(self):
        source, sink = Frames(1), Kept()
        self.close_after(None, source, sink)
        assert source.closed.is_set()
        assert sink.closed

    def test_all_are_closed_although_one_fails(self):
        things = [Kept("a"), self.Failing("b"), self.Failing("c")]
        with pytest.raises(SinkError, match="c: disk full"):  # the last is closed first
            self.close_after(None, *things)
        assert all(thing.closed for thing in things)

    def test_the_error_before_closing_wins(self):
        first = SinkError("the frame was lost")
        sink = self.Failing("a")
        with pytest.raises(SinkError) as caught:
            self.close_after(first, sink)
        assert caught.value is first
        assert sink.closed

    def test_an_error_wins_over_a_signal(self):
        with pytest.raises(SinkError, match="a: disk full"):
            self.close_after(Stopped(2), self.Failing("a"))

    def test_a_signal_is_passed_on(self):
        with pytest.raises(Stopped):
            self.close_after(Stopped(2), Kept("a"))

    def test_a_signal_waits_until_all_is_closed(self):
        class Signalling(Kept):
            def close(self):
                signal.raise_signal(signal.SIGINT)
                super().close()

        things = [Kept("a"), Signalling("b")]
        with pytest.raises(Stopped):
            self.close_after(None, *things)
        assert all(thing.closed for thing in things)

    def test_a_second_signal_changes_nothing(self):
        class Signalling(Kept):
            def close(self):
                signal.raise_signal(signal.SIGINT)
                super().close()

        first = Stopped(signal.SIGTERM)
        with pytest.raises(Stopped) as caught:
            self.close_after(first, Signalling("b"))
        assert caught.value is first
