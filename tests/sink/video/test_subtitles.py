"""Subtitles that are more than 36 minutes apart."""

import subprocess
import sys

import av
import pytest

# In a process of its own: an assertion of FFmpeg's ends the whole of it.
PROGRAM = """
import sys
from livedream.capture.open import open_source
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
with open_source(sys.argv[1]) as source, open_sink(sys.argv[2], StreamInfo.of(source)) as sink:
    for frame in source:
        sink.write(frame)
    sink.end()
"""


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_subtitles_far_apart(kind, tmp_path):
    """2249 s apart: more than 2**31 microseconds."""
    (tmp_path / "s.srt").write_text(
        "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n2\n00:37:30,000 --> 00:37:31,000\nlate\n"
    )
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/100:d=2300"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        *picture,
        "-i",
        tmp_path / "s.srt",
        "-c:v",
        "libx264",
        "-bf",
        "0",
        "-c:s",
        "srt",
    ]
    subprocess.run([*command, tmp_path / "long.mkv"], check=True)
    out = tmp_path / f"out.{kind}"
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "long.mkv", out], check=True, timeout=60)
    with av.open(str(out)) as film:
        texts = [
            (round(packet.pts * packet.time_base), bytes(packet)[2:])
            for packet in film.demux(subtitles=0)
            if packet.pts is not None and len(bytes(packet)) > 2
        ]
    assert texts == [(0, b"hello"), (2250, b"late")]
