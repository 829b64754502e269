"""Messages between the studio and its worker: a header in JSON and a picture, each after its length."""

import json
import struct
from typing import IO, Any, NamedTuple

_LENGTHS = struct.Struct(">II")


class Message(NamedTuple):
    """One message."""

    header: dict[str, Any]
    picture: bytes


def write_message(stream: IO[bytes], header: dict[str, Any], picture: bytes = b"") -> None:
    """Write a message. Raises OSError if the other end is closed."""
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(picture)) + text + picture)
    stream.flush()


def read_message(stream: IO[bytes]) -> Message | None:
    """Return the next message, or None if the other end is closed, also in the middle of a message."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, picture_length = _LENGTHS.unpack(lengths)
    text, picture = stream.read(header_length), stream.read(picture_length)
    if len(text) < header_length or len(picture) < picture_length:
        return None
    return Message(json.loads(text), picture)
