"""Where the server can be reached."""

from dataclasses import dataclass
from urllib.parse import quote

from livedream.studio.server.hosts import ANY, bracketed, is_loopback, own_addresses


@dataclass(frozen=True, slots=True)
class Address:
    """The address of the server."""

    host: str
    """What it is bound to."""
    port: int
    secure: bool = False

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def public_host(self) -> str:
        """The host for a link that other devices can open; that of this machine if none can."""
        if self.host not in ANY:
            return bracketed(self.host)
        found = [address for address in own_addresses() if ":" not in address]
        return found[0] if found else "127.0.0.1"

    def link(self, token: str, page: str = "/") -> str:
        """Return the address of a page with a token."""
        return f"{self.scheme}://{self.public_host}:{self.port}{page}?token={quote(token)}"
