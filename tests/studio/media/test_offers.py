"""Which offers are accepted, and which of their candidates are passed on."""

import pytest

from livedream.studio.media.offers import MOST_CANDIDATES, checked_offer

FINGERPRINT = "a=setup:actpass\r\na=fingerprint:sha-256 AA:BB\r\n"
VIDEO = f"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n{FINGERPRINT}"
CHANNEL = f"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n{FINGERPRINT}"
START = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
HEAD = f"{START}a=group:BUNDLE 0\r\n{VIDEO}"


def candidate(host: str, protocol: str = "udp", number: int = 1, port: int | str = 50000) -> str:
    return f"a=candidate:{number} 1 {protocol} 2113937151 {host} {port} typ host"


def lines(*candidates: str) -> str:
    return "".join(f"{each}\r\n" for each in candidates)


def test_addresses_stay_and_names_go() -> None:
    kept = [candidate("192.0.2.7"), candidate("fd00::7"), "a=sendonly"]
    offer = HEAD + lines(*kept[:2], candidate("victim.example"), candidate("192.0.2.7", "tcp"), kept[2])
    assert checked_offer(offer, "192.0.2.7") == HEAD + lines(*kept)


@pytest.mark.parametrize(
    ("host", "sender"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("2001:db8::7", "2001:0db8::0007"),
        *((host, "192.0.2.7") for host in ("10.1.2.3", "172.31.0.1", "192.168.0.9", "169.254.7.7", "127.0.0.1")),
        *((host, "192.0.2.7") for host in ("fd00::7", "fe80::7", "::1", "::ffff:10.1.2.3")),
        ("10.1.2.3", "testclient"),
    ],
)
def test_addresses_that_are_tried(host: str, sender: str) -> None:
    offer = HEAD + lines(candidate(host))
    assert checked_offer(offer, sender) == offer


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("192.0.2.8", 50000),
        ("8.8.8.8", 50000),
        ("172.32.0.1", 50000),
        ("::ffff:8.8.8.8", 50000),
        ("2001:db8::8", 50000),
        ("0.0.0.0", 50000),
        ("224.0.0.251", 50000),
        ("ff02::1", 50000),
        ("255.255.255.255", 50000),
        ("192.0.2.7", 1023),
        ("10.1.2.3", 53),
        ("127.0.0.1", 0),
        ("10.1.2.3", 65536),
        ("10.1.2.3", "x"),
    ],
)
def test_no_packets_to_strangers_and_services(host: str, port: int | str) -> None:
    assert checked_offer(HEAD + lines(candidate(host, port=port)), "192.0.2.7") == HEAD


def test_a_hidden_address_is_the_one_of_the_request() -> None:
    hidden = candidate("4c2f7a1e-0000-4000-8000-3b5a1e2f9d10.local")
    assert checked_offer(HEAD + lines(hidden), "192.0.2.1") == HEAD + lines(candidate("192.0.2.1"))
    assert checked_offer(HEAD + lines(hidden), "testclient") == HEAD


def test_candidates_have_a_bound() -> None:
    offer = HEAD + lines(*(candidate("192.0.2.7", number=number) for number in range(500)))
    assert checked_offer(offer, "192.0.2.7").count("a=candidate") == MOST_CANDIDATES


def test_broken_candidates_go() -> None:
    assert checked_offer(HEAD + lines("a=candidate:", "a=candidate:1 1 udp"), "192.0.2.1") == HEAD


@pytest.mark.parametrize("group", ["BUNDLE 0 1", "BUNDLE 1 0"])
def test_a_data_channel_is_welcome(group: str) -> None:
    offer = f"{START}a=group:{group}\r\n{VIDEO}{CHANNEL}"
    assert checked_offer(offer, "192.0.2.1") == offer


@pytest.mark.parametrize(
    "offer",
    [
        START,
        START + CHANNEL,
        START + VIDEO + CHANNEL,
        f"{START}a=group:BUNDLE 0 7\r\n{VIDEO}",
        f"{START}a=group:BUNDLE 7\r\n{VIDEO}{CHANNEL}",
        f"{START}a=group:BUNDLE 0\r\na=group:BUNDLE 0 1\r\n{VIDEO}{CHANNEL}",
        f"{START}a=group:BUNDLE 0 0\r\n{VIDEO}{CHANNEL.replace('mid:1', 'mid:0')}",
        START + VIDEO.replace("a=mid:0\r\n", ""),
        START + VIDEO.replace("m=video", "m=audio"),
        START + VIDEO.replace("a=setup:actpass\r\n", ""),
        START + VIDEO.replace("a=fingerprint:sha-256 AA:BB\r\n", ""),
        START + VIDEO * 2,
    ],
)
def test_offers_that_aiortc_would_read_half_are_refused(offer: str) -> None:
    with pytest.raises(ValueError, match=r"the offer|the sections"):
        checked_offer(offer, "192.0.2.1")
