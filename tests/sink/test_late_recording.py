"""A recording that is switched on in the middle of a live run."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo

LIVE = StreamInfo(live=True, rate=Fraction(30))


def grey(index: int, time: Fraction) -> Frame:
    return Frame(np.full((48, 64, 3), index % 200, np.uint8), time, index)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_starts_with_a_key_frame_at_time_zero(suffix: str, tmp_path: Path) -> None:
    """Its first frame comes 100 seconds into the run. The camera's times vary and are kept; it has no sound."""
    times = [100 + Fraction(n, 30) + Fraction(n % 3, 1000) for n in range(40)]
    with open_sink(tmp_path / f"take{suffix}", LIVE) as sink:
        for index, time in enumerate(times):
            sink.write(grey(index, time))
    with av.open(str(tmp_path / f"take{suffix}")) as film:
        assert film.streams.audio == ()
        packets = [packet for packet in film.demux(video=0) if packet.size]
    assert packets[0].is_keyframe
    shown = sorted(packet.pts * packet.time_base for packet in packets)
    assert shown[0] == 0
    assert [float(time) for time in shown] == pytest.approx([float(time - times[0]) for time in times], abs=0.001)
