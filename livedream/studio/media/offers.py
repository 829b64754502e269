"""Offers of WebRTC connections: what of them is passed on to aiortc."""

import ipaddress

from aiortc.sdp import SessionDescription

MOST_CANDIDATES = 32
"""How many addresses of a browser are tried."""


def checked_offer(sdp: str, address: str) -> str:
    """Return an offer whose candidates are addresses of UDP, at most MOST_CANDIDATES.

    A browser that may not show its addresses sends names that end in `.local`. They would have to be looked up by
    multicast, which takes seconds where it is not answered; `address` takes their place. Other names and TCP are left
    out: no offer makes this program ask a name server.

    aiortc reads some wrong offers half, and then cannot close the connection, so they are checked here.

    Args:
        sdp: the offer.
        address: the IP address from which it came.

    Raises:
        ValueError: it is not an offer of one video and at most one data channel, all on one transport. Parts that
            cannot be parsed raise other errors, such as LookupError, TypeError or AssertionError.
    """
    lines, count = [], 0
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            line = _candidate(line, address)
            count += 1
            if not line or count > MOST_CANDIDATES:
                continue
        lines.append(line)
    checked = "".join(f"{line}\r\n" for line in lines)
    _check(SessionDescription.parse(checked))
    return checked


def _check(offer: SessionDescription) -> None:
    kinds = [media.kind for media in offer.media]
    if sorted(kinds) not in (["video"], ["application", "video"]):
        raise ValueError(f"the offer has {', '.join(kinds) or 'nothing'}")
    names = [media.rtp.muxId for media in offer.media]
    if len(set(names)) < len(names) or "" in names:
        raise ValueError("the sections of the offer have no names of their own")
    bundles = [sorted(map(str, group.items)) for group in offer.group if group.semantic == "BUNDLE"]
    if bundles != [sorted(names)]:
        raise ValueError("the sections of the offer do not share one transport")
    if any(media.dtls is None or not media.dtls.fingerprints for media in offer.media):
        raise ValueError("the offer has no fingerprint")


def _candidate(line: str, address: str) -> str:
    """Return the line of a candidate with an IP address; empty if there is none."""
    words = line.split(" ")  # candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host
    if len(words) < 8 or words[2].lower() != "udp":
        return ""
    if words[4].endswith(".local"):
        words[4] = address
    try:
        ipaddress.ip_address(words[4])
    except ValueError:
        return ""
    return " ".join(words)
