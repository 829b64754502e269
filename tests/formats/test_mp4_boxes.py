"""The boxes of an mp4: sizes in 32 and 64 bits, up to the end of the file, and wrong ones."""

import io
import struct

from livedream.formats.mp4_boxes import Box, outermost_boxes

FTYP = struct.pack(">I4s4s", 12, b"ftyp", b"isom")
LARGE = struct.pack(">I4sQ3s", 1, b"mdat", 19, b"abc")


def test_sizes_of_32_and_64_bits() -> None:
    found = list(outermost_boxes(io.BytesIO(FTYP + LARGE + struct.pack(">I4s", 8, b"free"))))
    assert found == [Box(b"ftyp", 0, 8, 12), Box(b"mdat", 12, 28, 31), Box(b"free", 31, 39, 39)]


def test_a_box_of_size_0_goes_to_the_end_and_a_wrong_size_is_the_last() -> None:
    assert list(outermost_boxes(io.BytesIO(FTYP + struct.pack(">I4s", 0, b"moov") + b"rest"))) == [
        Box(b"ftyp", 0, 8, 12),
        Box(b"moov", 12, 20, 24),
    ]
    for wrong in (struct.pack(">I4s", 7, b"moov"), struct.pack(">I4sQ", 1, b"moov", 15)):
        names = [box.name for box in outermost_boxes(io.BytesIO(wrong + FTYP))]
        assert names == [b"moov"]


def test_the_file_may_be_moved_in_between() -> None:
    file = io.BytesIO(FTYP + LARGE)
    names = []
    for box in outermost_boxes(file):
        file.seek(0)
        names.append(box.name)
    assert names == [b"ftyp", b"mdat"]
