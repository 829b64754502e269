"""What livedream changes in aiortc and aioice, which have no settings for it. All of it is here.

- Bitrates up to 10 Mbit/s, instead of 3.
- `QuickH264Encoder` instead of theirs.
- Candidates on 127.0.0.1: a machine without a network has no other address.
- A received frame is complete with its last packet, which has a marker (RFC 6184, RFC 7741). aiortc waits for the first
  packet of the next frame, which comes 33 ms later at 30 fps.
"""

from types import ModuleType
from typing import Any

import aioice.ice
import aiortc.codecs.h264
import aiortc.codecs.vpx
import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
from aiortc.codecs import get_encoder
from aiortc.codecs.base import Encoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livedream.studio.media import bitrates
from livedream.studio.media.h264_encoder import QuickH264Encoder

_LOOPBACK = "127.0.0.1"
_theirs = aioice.ice.get_host_addresses


class PromptJitterBuffer(JitterBuffer):
    """A jitter buffer that gives a frame with its last packet."""

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        packets: list[RtpPacket] = []
        while (packet := self._at(len(packets))) is not None:
            if not packets and not _data(packet):  # padding between two frames
                self.remove(1)
                continue
            if packets and packet.timestamp != packets[0].timestamp:
                return super()._remove_frame(sequence_number)  # a sender that sets no marker
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(map(_data, packets)), packets[0].timestamp)
            if len(packets) == self.capacity:
                break
        return None

    def _at(self, place: int) -> RtpPacket | None:
        """Return the packet at a place after the origin; None if it has not come."""
        return self._packets[((self._origin or 0) + place) % self.capacity]


def change_aiortc() -> None:
    """Make the changes. May be called again."""
    for module, names in _changes().items():
        for name, value in names.items():
            setattr(module, name, value)


def _changes() -> dict[ModuleType, dict[str, Any]]:
    """Return the new values by module and name."""
    rates = {"DEFAULT_BITRATE": bitrates.DEFAULT, "MIN_BITRATE": bitrates.LEAST, "MAX_BITRATE": bitrates.MOST}
    return {
        aiortc.codecs.h264: rates,
        aiortc.codecs.vpx: rates,
        aiortc.rtcrtpsender: {"get_encoder": _encoder},
        aiortc.rtcrtpreceiver: {"JitterBuffer": PromptJitterBuffer},
        aioice.ice: {"get_host_addresses": _host_addresses},
    }


def _data(packet: RtpPacket) -> bytes:
    """Return what a packet carries of a frame, which the receiver notes in it."""
    return packet._data  # type: ignore[attr-defined]


def _encoder(codec: RTCRtpCodecParameters) -> Encoder:
    return QuickH264Encoder() if codec.mimeType.lower() == "video/h264" else get_encoder(codec)


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return [*_theirs(use_ipv4=use_ipv4, use_ipv6=use_ipv6), *([_LOOPBACK] if use_ipv4 else [])]
