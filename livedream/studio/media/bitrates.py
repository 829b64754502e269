"""How many bits per second the video to a browser may have, and its clock."""

CLOCK_RATE = 90000
"""Ticks per second of the times of WebRTC video."""

DEFAULT = 5_000_000
"""Bits per second until a browser reports what its network takes. A dream is all detail: with 1 Mbit/s, the default of
aiortc, 1280x720 has visible blocks."""
FEW_BITS_PER_PIXEL, MANY_BITS_PER_PIXEL = 0.1, 0.3
"""The least and the most bits for a pixel of a frame, whatever a browser reports.

A browser beside a busy dream reports 1 Mbit/s for a network that takes any rate: 1280x720 would have blocks, and gets
2.8 Mbit/s. With 8 Mbit/s for 640x360, which another one reports as possible, 700 packets per second took a third of a
core, and the age of the picture doubled; it gets 2 Mbit/s.
"""
LEAST = 1_000_000
MOST = 10_000_000
CHANGE = 0.25
"""The relative change of the bitrate that a browser must report before the encoder begins anew."""
BUFFER_SECONDS = 0.3
"""Seconds of the bitrate that a burst, such as a key frame, may take."""
