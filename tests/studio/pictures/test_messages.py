"""The messages between the studio and its worker."""

import io

import pytest

from livedream.studio.pictures.messages import read_message, write_message


def test_messages_come_back_one_by_one() -> None:
    stream = io.BytesIO()
    write_message(stream, {"round": 1, "name": "grün"}, b"\x00\xff")
    write_message(stream, {"idle": True})
    stream.seek(0)
    assert read_message(stream) == ({"round": 1, "name": "grün"}, b"\x00\xff")
    assert read_message(stream) == ({"idle": True}, b"")
    assert read_message(stream) is None


@pytest.mark.parametrize("length", [1, 8, 10, 15])
def test_a_message_that_breaks_off_is_the_end(length: int) -> None:
    stream = io.BytesIO()
    write_message(stream, {"a": 1}, b"picture")
    assert read_message(io.BytesIO(stream.getvalue())) is not None
    assert read_message(io.BytesIO(stream.getvalue()[:length])) is None
