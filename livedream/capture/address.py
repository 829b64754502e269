"""Addresses of streams: what may be shown of one, and whether two mean the same place."""

import ipaddress
from urllib.parse import urlsplit

STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "rtp", "srt")
"""How the address of a network camera begins."""
_ANYWHERE = ("", "0.0.0.0", "::")


def shown(address: str) -> str:
    """Return `address` as it may be shown: without user, password and what follows a `?`, where some have theirs.

    What is no address is shown as it is.
    """
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def same_place(one: str, other: str) -> bool:
    """Return whether what is sent to one of two addresses is received at the other.

    For the protocols without a server between, a port of this machine is one place under all names of the machine.
    """
    if "://" not in one or "://" not in other:
        return one == other
    first, second = _place(one), _place(other)
    if first[0] in ("udp", "rtp"):
        hosts = {first[1], second[1]}
        return (first[0], first[2]) == (second[0], second[2]) and (len(hosts) == 1 or hosts <= {"here", "anywhere"})
    return (*first, urlsplit(one).path) == (*second, urlsplit(other).path)


def _place(address: str) -> tuple[str, str, int | None]:
    """Return the kind, host and port of an address."""
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("@")  # ffmpeg's udp://@239.0.0.1:1234
    if host in _ANYWHERE:
        host = "anywhere"
    elif host == "localhost" or _is_loopback(host):
        host = "here"
    return parts.scheme.lower(), host, parts.port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
