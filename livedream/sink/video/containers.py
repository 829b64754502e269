"""How FFmpeg writes each type of video file."""

from collections.abc import Mapping
from typing import NamedTuple

from livedream.sink.video.passthrough import LATEST


class Container(NamedTuple):
    """A container format of FFmpeg."""

    name: str
    """FFmpeg's name of it."""
    options: Mapping[str, str]
    """The options of its muxer."""


# Microseconds. Tracks already arrive in time order; without this FFmpeg waits ten seconds for a packet of each track
# before it writes any, for example for subtitles and for sound that begins late or pauses.
_INTERLEAVING = {"max_interleave_delta": "1000"}
# Fragments keep an mp4 readable up to the last key frame when the process is killed; hybrid makes it an ordinary file
# when it is not (FFmpeg 7.1; PyAV 17 brings 8). Use delay_moov and not empty_moov, which shifts the picture by 67 ms
# and the sound by 21. Do not use frag_duration: where fragments end among B-frames the last frames can be lost.
_FRAGMENTS = {
    "movflags": "hybrid_fragmented+frag_keyframe+delay_moov",
    "flush_packets": "1",
    **_INTERLEAVING,
    # Microseconds. The header waits for the first packet of each track, so that of a sound that begins late is written
    # ahead; without this option FFmpeg would hold it back until the picture has got there.
    "audio_preload": str(int(LATEST * 10**6)),
}
_CLUSTERS = {"cluster_time_limit": "500", "flush_packets": "1", **_INTERLEAVING}
CONTAINER_FORMATS: Mapping[str, Container] = {
    ".mp4": Container("mp4", _FRAGMENTS),
    ".mov": Container("mov", _FRAGMENTS),
    ".mkv": Container("matroska", _CLUSTERS),
    ".webm": Container("webm", _CLUSTERS),
    ".gif": Container("gif", {"flush_packets": "1"}),
}
"""By suffix."""
