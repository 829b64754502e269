"""Recognizes Dolby Vision without a compatible base layer, which only Dolby's decoders can show."""

from pathlib import Path
from typing import BinaryIO

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from livedream.capture.decoding.side_data import side_data
from livedream.errors import SourceError
from livedream.formats.mp4_boxes import outermost_boxes
from livedream.untrusted import open_regular

_HEAD = 1 << 20
"""Bytes at the beginning of a Matroska file that are searched for its tracks."""
_LARGEST_INDEX = 1 << 26
_RECORDS = (b"dvcC", b"dvvC", b"dvwC")
_TAGS = ("dvh1", "dvhe")
"""The codec tags of mp4 tracks that are only Dolby Vision."""


def check_common_colors(path: Path, codec_tag: str, *, tagged: bool) -> None:
    """Refuse a video without a base layer that other players can show.

    Args:
        path: of a video that FFmpeg has opened.
        codec_tag: of its video track.
        tagged: whether the video states its transfer function; profile 5 does not.

    Raises:
        SourceError: it has none.
    """
    record = _record(path)
    if record is None:
        foreign = codec_tag in _TAGS and not tagged
    else:
        profile, compatible = record[2] >> 1, record[4] >> 4
        foreign = profile == 5 or (profile >= 8 and compatible == 0)
    if foreign:
        raise dolby_vision(str(path))


def lacks_common_colors(frame: VideoFrame) -> bool:
    """Return whether a frame carries the metadata of profile 5, whatever its container states."""
    data = side_data(frame, Type.DOVI_RPU_BUFFER)
    return data is not None and _is_profile_5(data[:16].replace(b"\0\0\3", b"\0\0"))  # without escape bytes


def dolby_vision(name: str) -> SourceError:
    """Return the error for Dolby Vision without a compatible base layer."""
    text = f"{name} is Dolby Vision without a base layer for other players (profile 5)"
    return SourceError(text, "convert it with an ffmpeg that has libplacebo: ffmpeg -i IN -vf libplacebo OUT")


def _is_profile_5(head: bytes) -> bool:
    """Return whether the header of an RPU (ETSI GS CCM 001, 5.3.2) states a single layer of full range."""
    bits = "".join(f"{byte:08b}" for byte in head)
    profile, has_sequence, coefficients = int(bits[25:29], 2), bits[33] == "1", int(bits[35:37], 2)
    if bits[:8] != f"{25:08b}" or profile != 0 or not has_sequence:
        return False
    at = 37
    if coefficients == 0:  # an Exp-Golomb number
        zeros = len(bits[at:]) - len(bits[at:].lstrip("0"))
        at += 2 * zeros + 1
    return bits[at + 2 : at + 3] == "1"


def _record(path: Path) -> bytes | None:
    """Return the first five bytes of Dolby's configuration record in the file, None if it has none."""
    with open_regular(path) as file:
        head = file.read(_HEAD)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            head = _moov(file)
    for name in _RECORDS:
        place = head.find(name)
        while place >= 0:
            record = head[place + 4 : place + 32]
            if head[:4] == b"\x1aE\xdf\xa3":  # Matroska: the data is a separate element
                record = record.partition(b"\x41\xed")[2][1:]
            if len(record) >= 5 and record[0] in (1, 2, 3) and record[1] == 0:
                return record[:5]
            place = head.find(name, place + 4)
    return None


def _moov(file: BinaryIO) -> bytes:
    """Return the index of an mp4, up to the size limit."""
    for box in outermost_boxes(file):
        if box.name == b"moov":
            file.seek(box.content)
            return file.read(min(box.end - box.content, _LARGEST_INDEX))
    return b""
