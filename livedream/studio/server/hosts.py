"""The names under which the server may be addressed, and the pages that may speak to it."""

import ipaddress
import socket
from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ANY = ("0.0.0.0", "::")
"""Addresses that stand for all interfaces of this machine."""


class Hosts:
    """The hosts that a request may name. Everything else is refused: a foreign page can make its own name point to this
    machine (DNS rebinding), and would otherwise read the answers.

    Args:
        bound: the address that the server listens at.
        port: its port.
        scheme: `http` or `https`.
        addresses: the addresses of this machine, used when `bound` stands for all of them.
    """

    def __init__(self, bound: str, port: int, scheme: str, addresses: Iterable[str] = ()) -> None:
        self.is_private = is_loopback(bound)
        """Whether only this machine can reach the server."""
        names = {*LOOPBACK, bracketed(bound)} if bound not in ANY else {*LOOPBACK, *map(bracketed, addresses)}
        if not is_loopback(bound):
            own = socket.gethostname().lower()
            names |= {own, f"{own}.local"}
        usual = {"http": 80, "https": 443}[scheme]
        self._hosts = {f"{name}:{port}" for name in names} | (names if port == usual else set())
        self._origins = {f"{scheme}://{host}" for host in self._hosts}

    def knows(self, host: str) -> bool:
        """Return whether a request with this Host header is for this server."""
        return host.lower() in self._hosts

    def is_own_page(self, origin: str) -> bool:
        """Return whether a page of this Origin header comes from this server."""
        return origin.lower() in self._origins


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address, is this machine and reachable from it alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return `host` as it stands in an address: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def own_addresses() -> list[str]:
    """Return the addresses of this machine in its networks, without those of the loopback interface."""
    import ifaddr  # comes with aiortc

    found = []
    for adapter in ifaddr.get_adapters():
        for address in adapter.ips:
            text = address.ip if isinstance(address.ip, str) else address.ip[0]
            if not is_loopback(text) and not ipaddress.ip_address(text.partition("%")[0]).is_link_local:
                found.append(text)
    return found
