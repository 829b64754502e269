"""Who may use the server: one-time tokens in links, and the keys that they are exchanged for."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from livedream.errors import ArgumentError
from livedream.sink.lock import OutputLock
from livedream.sink.partial_file import write_whole
from livedream.urls import register_secrets

VARIABLE = "LIVEDREAM_STUDIO_TOKEN"
"""The environment variable with a token that stays valid, for OBS and for programs."""
LINK_SECONDS = 600.0
"""How long a one-time token is valid: time to find the phone."""
KEY_SECONDS = 30 * 24 * 3600
"""How long a key is valid. Keys survive a restart of the server."""
MOST_LINKS = 64
"""How many one-time tokens are kept; the oldest goes first."""
SHORTEST_TOKEN = 16


class Access:
    """Issues one-time tokens, exchanges them for keys, and checks keys. Thread-safe.

    A key is `expiry.random.signature`. It is signed with a secret that only this user can read, so that nothing has to
    be stored for each browser, and all keys end when the secret is deleted.

    Args:
        secret_file: where the secret is kept; it is made when it is missing.
        token: a token that may be used again and again; None for none.
        now: Unix time in seconds.

    Raises:
        ArgumentError: `token` is too short.
        OSError, SinkError: the secret cannot be read or written.
    """

    def __init__(self, secret_file: Path, token: str | None = None, *, now: Callable[[], float] = time.time) -> None:
        if token is not None and len(token) < SHORTEST_TOKEN:
            raise ArgumentError(
                f"{VARIABLE} is too short", f"use at least {SHORTEST_TOKEN} characters, such as `openssl rand -hex 16`"
            )
        self.on_used: Callable[[str], object] = lambda token: None
        """Called with each one-time token that works no more, on any thread."""
        self._now = now
        self._token = token
        self._lock = threading.Lock()
        self._links: dict[str, float] = {}
        self._secret = _secret(secret_file)
        if token is not None:
            register_secrets(f"http://token:{token}@127.0.0.1")

    def new_token(self) -> str:
        """Return a new one-time token."""
        token = secrets.token_urlsafe(24)
        evicted = []
        with self._lock:
            self._links[token] = self._now() + LINK_SECONDS
            while len(self._links) > MOST_LINKS:
                evicted.append(next(iter(self._links)))
                del self._links[evicted[-1]]
        for old in evicted:
            self.on_used(old)
        return token

    def redeem(self, token: str) -> str | None:
        """Return a new key for a token, which is then used up; None if it is wrong, used or too old."""
        with self._lock:
            expiry = self._links.pop(token, None)
        if expiry is not None:
            self.on_used(token)
        if (expiry is None or expiry < self._now()) and not self._is_lasting(token):
            return None
        body = f"{int(self._now()) + KEY_SECONDS}.{secrets.token_hex(16)}"
        return f"{body}.{self._sign(body)}"

    def accepts(self, key: str) -> bool:
        """Return whether `key` is a key that is still valid, or the token that lasts."""
        if self._is_lasting(key):
            return True
        body, _, signature = key.rpartition(".")
        expiry = body.partition(".")[0]
        if not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return False
        return expiry.isascii() and expiry.isdigit() and int(expiry) > self._now()

    def _is_lasting(self, token: str) -> bool:
        return self._token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


def _secret(path: Path) -> bytes:
    """Return the secret in the file at `path`, which is made when it is missing or damaged."""
    try:
        secret = path.read_bytes()
        if len(secret) == 32:
            return secret
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = secrets.token_bytes(32)
    with OutputLock(path) as lock:
        write_whole(path, secret, lock, overwrite=True)
    path.chmod(0o600)
    return secret
