"""What identifies the decoded frames of a shard."""

import hashlib
from fractions import Fraction

import numpy as np

_EVERY = 8
"""Every eighth pixel in each direction: 0.05 ms for a frame of 1280x720."""
_BYTES = 16


def frame_digest(pixels: np.ndarray, time: Fraction) -> int:
    """Return a number of 128 bits that identifies a frame.

    Args:
        pixels: uint8 (height, width, 3).
        time: of the frame, in seconds of its film.
    """
    digest = hashlib.blake2b(f"{pixels.shape[0]}x{pixels.shape[1]} {time} ".encode(), digest_size=_BYTES)
    digest.update(pixels[::_EVERY, ::_EVERY].tobytes())
    return int.from_bytes(digest.digest(), "big")


def added(digests: int, more: int) -> int:
    """Return the digest of all frames of two digests. The order does not count: the times are in each of them."""
    return (digests + more) % (1 << 8 * _BYTES)


def digest_text(digest: int) -> str:
    """Return 32 hexadecimal digits."""
    return f"{digest:032x}"
