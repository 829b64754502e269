"""The names of the server."""

import socket

import pytest

from livedream.studio.server.hosts import Hosts, is_loopback

LOCAL = Hosts("127.0.0.1", 8765, "http")
OPEN = Hosts("0.0.0.0", 8765, "https", ["192.168.1.5", "fd00::7"])


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"])
def test_own_names(host) -> None:
    assert LOCAL.knows(host)
    assert LOCAL.is_own_page(f"http://{host}")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:8765",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8765.evil.example",
        "192.168.1.5:8765",
        "0.0.0.0:8765",
    ],
)
def test_foreign_names(host) -> None:
    assert not LOCAL.knows(host)


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "https://127.0.0.1:8765", "http://127.0.0.1:8766", ""]
)
def test_foreign_pages(origin) -> None:
    assert not LOCAL.is_own_page(origin)


def test_other_devices_use_the_addresses_of_this_machine() -> None:
    name = socket.gethostname().lower()
    for host in ("192.168.1.5:8765", "[fd00::7]:8765", f"{name}:8765", f"{name}.local:8765", "localhost:8765"):
        assert OPEN.knows(host)
        assert OPEN.is_own_page(f"https://{host}")
    assert not OPEN.knows("192.168.1.6:8765")


def test_the_usual_port_needs_no_number() -> None:
    assert Hosts("127.0.0.1", 80, "http").knows("localhost")
    assert not Hosts("127.0.0.1", 80, "https").knows("localhost")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host, expected) -> None:
    assert is_loopback(host) is expected
