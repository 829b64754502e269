"""What is changed in aiortc: frames that are complete at once, bitrates, and this machine's own address."""

import aioice.ice
import aiortc.codecs.h264
import pytest
from aiortc.rtp import RtpPacket

from livedream.studio.media.aiortc_changes import PromptJitterBuffer, change_aiortc


def packet(number: int, timestamp: int, data: bytes, *, marker: bool = False) -> RtpPacket:
    made = RtpPacket(sequence_number=number % 65536, timestamp=timestamp, marker=int(marker))
    vars(made)["_data"] = data
    return made


def given(buffer: PromptJitterBuffer, *packets: RtpPacket) -> list[tuple[bytes, int]]:
    """What comes out while packets go in, and after which of them."""
    out = []
    for place, each in enumerate(packets):
        _, frame = buffer.add(each)
        if frame is not None:
            out.append((frame.data, place))
    return out


def test_a_frame_is_complete_with_its_marker() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    packets = [packet(65534, 1, b"a"), packet(65535, 1, b"b", marker=True), packet(65536, 2, b"c", marker=True)]
    assert given(buffer, *packets) == [(b"ab", 1), (b"c", 2)]


def test_packets_in_another_order_make_the_same_frame() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    packets = [packet(1, 1, b"a"), packet(3, 1, b"c", marker=True), packet(2, 1, b"b"), packet(4, 2, b"d", marker=True)]
    assert given(buffer, *packets) == [(b"abc", 2), (b"d", 3)]


def test_a_late_copy_changes_nothing() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    first = packet(1, 1, b"a", marker=True)
    assert given(buffer, first, first, packet(2, 2, b"b", marker=True)) == [(b"a", 0), (b"b", 2)]


def test_padding_between_frames_is_left_out() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    padding = packet(2, 1, b"")
    assert given(buffer, packet(1, 1, b"a", marker=True), padding, packet(3, 2, b"b", marker=True)) == [
        (b"a", 0),
        (b"b", 2),
    ]


def test_a_sender_without_markers_is_understood() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    assert given(buffer, packet(1, 1, b"a"), packet(2, 1, b"b"), packet(3, 2, b"c")) == [(b"ab", 2)]


def test_loss_empties_a_full_buffer_and_asks_for_a_key_frame() -> None:
    buffer = PromptJitterBuffer(capacity=16, is_video=True)
    lost = [packet(number, number, b"x", marker=True) for number in range(1, 40) if number != 2]
    asked = [buffer.add(each)[0] for each in lost]
    assert any(asked)
    assert buffer.add(packet(40, 40, b"y", marker=True))[1] is not None


@pytest.mark.parametrize("ipv4", [True, False])
def test_this_machine_has_an_address_without_a_network(ipv4, monkeypatch) -> None:
    change_aiortc()
    change_aiortc()
    monkeypatch.setattr("ifaddr.get_adapters", list)
    assert aioice.ice.get_host_addresses(use_ipv4=ipv4, use_ipv6=True) == (["127.0.0.1"] if ipv4 else [])


def test_the_bitrate_may_be_what_a_dream_needs() -> None:
    change_aiortc()
    encoder = aiortc.codecs.h264.H264Encoder()
    assert encoder.target_bitrate == 5_000_000
    encoder.target_bitrate = 50_000_000
    assert encoder.target_bitrate == 10_000_000
