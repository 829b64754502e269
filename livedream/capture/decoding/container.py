"""A film before its first frame: opening it, and what its header says."""

import os
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from livedream.errors import SourceError
from livedream.mp4_boxes import outermost_boxes
from livedream.timeline import OPTIONS, may_jump
from livedream.untrusted import open_regular

HEAD = 1 << 20
"""Bytes at either end of a file in which its header is looked for."""
FEWEST_BITS = 5000
"""A second, of a broadcast. Its lists of tracks and its clock alone take more than ten thousand."""
HEAD_OF_FLV = 1024
"""Bytes. A file that ends as it should has but the size of its last packet behind that."""
LONGEST_DELAY = Fraction(1, 10)
"""Seconds. AAC and Opus encoders delay the sound by some 7 to 45 ms."""

SEGMENT = b"\x18\x53\x80\x67"
"""What begins all that is in a Matroska file, behind its head (RFC 9559)."""


def open_video(path: Path) -> InputContainer:
    """Open the film at `path`. Raises SourceError, with what is wrong with the file."""
    try:
        # Absolute, so that a colon in a name does not make it an address.
        container = av.open(str(path.absolute()), "r", options=dict(OPTIONS), metadata_errors="replace")
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder", "name a film") from error
    except FileNotFoundError as error:
        raise SourceError(f"no such file: {path}", "check the name") from error
    except PermissionError as error:
        raise SourceError(f"no right to read {path}", "check the rights of the file and its folder") from error
    except (av.error.FFmpegError, OSError) as error:
        raise _not_a_film(path, error) from error
    if container.format.name == "tty":  # FFmpeg would show a text as a film of scrolling letters
        container.close()
        raise SourceError(f"{path} is a text, not a film")
    if container.format.name.endswith("_pipe"):  # FFmpeg would show a picture as a film of one frame
        container.close()
        raise SourceError(f"{path} is a picture of a kind that livedream does not read", "save it as PNG or TIFF")
    return container


def _not_a_film(path: Path, error: OSError | av.error.FFmpegError) -> SourceError:
    """Return the error for a file that no demuxer takes."""
    if path.stat().st_size == 0:
        return SourceError(f"{path} is empty", "was the recording cut off, or the disk full?")
    if isinstance(error, av.error.InvalidDataError):
        boxes = _boxes(path)
        if b"ftyp" in boxes and b"moov" not in boxes:
            return SourceError(
                f"{path} is cut off: its index (moov) is missing",
                "repair it, for example with untrunc, or copy it again",
            )
        return SourceError(f"{path} is not a film that FFmpeg can read", "play it with another program to check")
    return SourceError(f"{path}: {error.strerror}", "play it with another program to check")


def is_encrypted(path: Path) -> bool:
    """Return whether an mp4 or mov file says that its pictures are encrypted (ISO/IEC 14496-12, 8.12: `encv`)."""
    with open_regular(path) as file:
        size = file.seek(0, 2)
        for place in (0, max(0, size - HEAD)):
            file.seek(place)
            if b"encv" in file.read(HEAD):
                return True
    return False


def _boxes(path: Path) -> list[bytes]:
    """Return the names of the outermost boxes of an mp4 or mov file, in order."""
    with open_regular(path) as file:
        return [box.name for box in outermost_boxes(file)]


def behind_the_end(path: Path, kind: str, read_to: int) -> str:
    """Return what of a file FFmpeg does not read, "" where that is nothing: of some that were joined all but the first.

    kind: FFmpeg's name of the format. read_to: how many bytes of the file were read.
    """
    if "mp4" in kind:
        films = _boxes(path)
        others = films.count(b"moov") - 1
        return "" if others < 1 or b"moof" in films else f"{others} more film{'s' if others > 1 else ''}"
    left = path.stat().st_size - read_to
    return f"{left} bytes" if kind == "flv" and left > HEAD_OF_FLV else ""


def missing_bytes(path: Path, kind: str) -> int:
    """Return how many bytes a film has fewer than its header promises; 0 where the header promises none.

    kind: FFmpeg's name of the format. Raises OSError.
    """
    with open_regular(path) as file:
        head = file.read(4096)
        size = os.fstat(file.fileno()).st_size
    end = 0
    if kind == "avi" and head[:4] == b"RIFF":
        end = 8 + int.from_bytes(head[4:8], "little")
        if end >= 8 + 0xFFFFFFFF:  # written without knowing
            end = 0
    elif kind.startswith("matroska") and (place := head.find(SEGMENT)) >= 0 and len(head) > place + 12:
        length = 9 - head[place + 4].bit_length()  # of the number that follows
        number = int.from_bytes(head[place + 4 : place + 4 + length]) & ((1 << 7 * length) - 1)
        end = 0 if number == (1 << 7 * length) - 1 else place + 4 + length + number
    return max(0, end - size)


def decode_together(stream: VideoStream) -> None:
    """Let the threads of a decoder share a picture, and leave a core to the dream.

    With a picture each they would hold as many back, lose what is behind damage at the end of a film, and might show
    damaged pictures one way now and another way next time. As many as there are cores, of two, and a film of 640x360
    took 3 % longer.
    """
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = max(1, (os.cpu_count() or 1) - 1)


def rate_of(stream: VideoStream) -> Fraction | None:
    """Return frames per second, the average where it varies; None where the file does not know."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate < 1000:  # 1000 is what files in milliseconds say that know nothing
            return rate
    return None


def start_of(container: InputContainer, time_base: Fraction) -> Fraction:
    """Return what the clock of the file shows where its first track begins, in whole ticks.

    It may be below 0, as in a transport stream over the wrap of its clock. But it is 0 where pictures begin no earlier
    and the sound does by no more than its encoder's delay: that is for the decoder, not for hearing.

    Not `container.start_time`: that is rounded to microseconds.
    """
    pictures, sounds = (
        [start for track in tracks if (start := track_start(track)) is not None]
        for tracks in (container.streams.video, container.streams.audio)
    )
    start = min([*pictures, *sounds], default=Fraction(0))
    if -LONGEST_DELAY <= start < 0 <= min(pictures, default=Fraction(-1)):
        return Fraction(0)
    return start // time_base * time_base


def track_start(track: VideoStream | AudioStream) -> Fraction | None:
    """Return what the clock of the file shows where a track begins, in seconds; None where that is not known.

    Matroska stores no decoding times. Where pictures are reordered and FFmpeg reads too few of them to guess these, it
    takes the start of another track for that of the pictures; the index knows better.
    """
    if track.time_base is None:
        return None
    ticks = track.start_time
    if "matroska" in track.container.format.name and track.type == "video" and track.index_entries:
        first = track.index_entries[0].timestamp
        ticks = first if ticks is None else min(first, ticks)
    return None if ticks is None else ticks * track.time_base


def estimate_length(container: InputContainer, stream: VideoStream, rate: Fraction | None) -> int | None:
    """Return how many frames the film should have by its length, where the file does not count them."""
    seconds = length_of(container, stream)
    return (round(seconds * rate) or None) if rate is not None and seconds is not None else None


def length_of(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return how many seconds of pictures the header promises, None where it does not know.

    Where the clock of a file may jump, FFmpeg takes the distance of its ends for the length. After a jump ahead there
    are too few bytes for that.
    """
    if stream.duration and stream.time_base:
        seconds = stream.duration * stream.time_base
    elif container.duration:
        seconds = Fraction(container.duration, av.time_base)
        begins = Fraction(container.start_time or 0, av.time_base)
        if container.metadata.get("encoder", container.metadata.get("ENCODER", "")).startswith("Lavf") and (
            "matroska" in container.format.name and 0 < begins < seconds
        ):
            seconds -= begins  # FFmpeg writes there when the film ends
    else:
        return None
    if may_jump(container) and container.size and container.size * 8 < seconds * FEWEST_BITS:
        return None
    return seconds


def durations_in(path: Path, count: int) -> list[Fraction]:
    """Return for how many seconds each frame of the track of `count` frames is shown, as the container has it.

    None when there is no such track. Raises SourceError when the file cannot be read.
    """
    with open_video(path) as film:
        track = next((track for track in film.streams.video if track.frames == count and track.time_base), None)
        if track is None:
            return []
        try:
            base = track.time_base or Fraction(1)
            return [Fraction(packet.duration or 0) * base for packet in film.demux(track) if packet.size]
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{path}: {error.strerror}", "play it with another program to check") from error
