"""Offers of WebRTC connections: what of them is passed on to aiortc."""

import ipaddress

from aiortc.sdp import SessionDescription

MOST_CANDIDATES = 32
"""How many addresses of a browser are tried."""
LEAST_PORT = 1024
"""Ports below it belong to services; browsers use those from 32768 on."""
_NEAR = [
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),  # private (RFC 1918, RFC 4193)
        *("169.254.0.0/16", "fe80::/10"),  # of the same link
        *("127.0.0.0/8", "::1/128"),  # of this machine
    )
]


def checked_offer(sdp: str, address: str) -> str:
    """Return an offer whose candidates are addresses of UDP, at most MOST_CANDIDATES.

    A browser that may not show its addresses sends names that end in `.local`. They would have to be looked up by
    multicast, which takes seconds where it is not answered; `address` takes their place. Other names and TCP are left
    out: no offer makes this program ask a name server. Nor does one make it send packets into the internet, or to a
    service: only `address` itself, private addresses and those of the same link are tried, at ports from LEAST_PORT on.

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
    """Return the line of a candidate with an IP address that may be tried; empty if there is none."""
    words = line.split(" ")  # candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host
    if len(words) < 8 or words[2].lower() != "udp":
        return ""
    if words[4].endswith(".local"):
        words[4] = address
    return " ".join(words) if _may_be_tried(words[4], words[5], address) else ""


def _may_be_tried(host: str, port: str, address: str) -> bool:
    try:
        found = _ip(host)
        if not LEAST_PORT <= int(port) <= 65535:
            return False
    except ValueError:
        return False
    if any(found in near for near in _NEAR):
        return True
    try:
        return found == _ip(address)
    except ValueError:
        return False


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an IP address; one of IPv4 in the form of IPv6 as that of IPv4. Raises ValueError."""
    found = ipaddress.ip_address(text)
    return getattr(found, "ipv4_mapped", None) or found
