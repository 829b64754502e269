"""Opens video files and reads their headers."""

import os
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from livedream.errors import SourceError
from livedream.formats.mp4_boxes import outermost_boxes
from livedream.formats.timeline import OPTIONS, may_jump
from livedream.untrusted import open_regular

FEWEST_BITS = 5000
"""Per second, of a broadcast. Its tables of tracks and its clock alone take more than ten thousand."""
HEAD_OF_FLV = 1024
"""Bytes. A file with a proper end has only the size of its last packet after the bytes that FFmpeg reads."""
LONGEST_DELAY = Fraction(1, 10)
"""Seconds. AAC and Opus encoders delay the sound by about 7 to 45 ms."""

SEGMENT = b"\x18\x53\x80\x67"
"""The ID of the element that contains everything after the header of a Matroska file (RFC 9559)."""


def open_video(path: Path) -> InputContainer:
    """Open the video at `path`. Raises SourceError with the reason."""
    try:
        # Absolute, so that a name with a colon is not taken for an address.
        container = av.open(str(path.absolute()), "r", options=dict(OPTIONS), metadata_errors="replace")
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder", "name a video") from error
    except FileNotFoundError as error:
        raise SourceError(f"no such file: {path}", "check the name") from error
    except PermissionError as error:
        raise SourceError(f"no permission to read {path}", "check the permissions of file and folder") from error
    except (av.error.FFmpegError, OSError) as error:
        raise _not_a_video(path, error) from error
    if container.format.name == "tty":  # FFmpeg would render text as a video of scrolling letters
        container.close()
        raise SourceError(f"{path} is a text file, not a video")
    if container.format.name.endswith("_pipe"):  # FFmpeg would show an image as a video of one frame
        container.close()
        raise SourceError(f"{path} is a picture in a format that livedream does not read", "save it as PNG or TIFF")
    return container


def _not_a_video(path: Path, error: OSError | av.error.FFmpegError) -> SourceError:
    """Return the error for a file that no demuxer accepts."""
    if path.stat().st_size == 0:
        return SourceError(f"{path} is empty", "was the recording cut off, or the disk full?")
    if isinstance(error, av.error.InvalidDataError):
        boxes = _boxes(path)
        if b"ftyp" in boxes and b"moov" not in boxes:
            return SourceError(
                f"{path} is cut off: its index (moov) is missing",
                "repair it, for example with untrunc, or copy it again",
            )
        return SourceError(f"{path} is not a video that FFmpeg can read", "play it with another program to check")
    return SourceError(f"{path}: {error.strerror}", "play it with another program to check")


def _boxes(path: Path) -> list[bytes]:
    """Return the names of the top-level boxes of an mp4 or mov file, in order."""
    with open_regular(path) as file:
        return [box.name for box in outermost_boxes(file)]


def behind_the_end(path: Path, format_name: str, read_to: int) -> str:
    """Describe what FFmpeg does not read of a file, "" for nothing: in some joined files, everything after the first.

    Args:
        path: of the file.
        format_name: FFmpeg's name of the format.
        read_to: the number of bytes that were read.
    """
    if "mp4" in format_name:
        boxes = _boxes(path)
        others = boxes.count(b"moov") - 1
        return "" if others < 1 or b"moof" in boxes else f"{others} more video{'s' if others > 1 else ''}"
    remaining = path.stat().st_size - read_to
    return f"{remaining} bytes" if format_name == "flv" and remaining > HEAD_OF_FLV else ""


def missing_bytes(path: Path, format_name: str) -> int:
    """Return the number of bytes that are missing from a file by its header; 0 if the header does not state a size.

    format_name: FFmpeg's name of the format. Raises OSError.
    """
    with open_regular(path) as file:
        head = file.read(4096)
        size = os.fstat(file.fileno()).st_size
    end = 0
    if format_name == "avi" and head[:4] == b"RIFF":
        end = 8 + int.from_bytes(head[4:8], "little")
        if end >= 8 + 0xFFFFFFFF:  # the size was unknown when it was written
            end = 0
    elif format_name.startswith("matroska") and (place := head.find(SEGMENT)) >= 0 and len(head) > place + 12:
        length = 9 - head[place + 4].bit_length()  # in bytes, of the number that follows
        number = int.from_bytes(head[place + 4 : place + 4 + length]) & ((1 << 7 * length) - 1)
        end = 0 if number == (1 << 7 * length) - 1 else place + 4 + length + number
    return max(0, end - size)


def decode_together(stream: VideoStream) -> None:
    """Let the threads of a decoder share each frame, and leave one core to the dreamer.

    With a frame per thread, they would delay the output by as many frames, lose frames after damage at the end of a
    video, and decode damaged frames differently from run to run. With one thread for each of two cores, a video of
    640x360 took 3 % longer.
    """
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = max(1, (os.cpu_count() or 1) - 1)


def rate_of(stream: VideoStream) -> Fraction | None:
    """Return frames per second, the average where it varies; None if unknown."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate < 1000:  # files with times in milliseconds and no rate state 1000
            return rate
    return None


def start_of(container: InputContainer, time_base: Fraction) -> Fraction:
    """Return the timestamp at which the first track begins, in seconds and a multiple of `time_base`.

    It may be negative, as in a transport stream over the wrap of its clock. But it is 0 if the frames do not begin
    earlier and the sound does by no more than its encoder's delay, which the decoder drops.

    Not `container.start_time`, which is rounded to microseconds.
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
    """Return the timestamp at which a track begins, in seconds; None if unknown.

    Matroska stores no decoding times. If frames are reordered and FFmpeg reads too few of them to guess these times, it
    uses the start of another track; the index is more reliable.
    """
    if track.time_base is None:
        return None
    ticks = track.start_time
    if "matroska" in track.container.format.name and track.type == "video" and track.index_entries:
        first = track.index_entries[0].timestamp
        ticks = first if ticks is None else min(first, ticks)
    return None if ticks is None else ticks * track.time_base


def estimate_length(container: InputContainer, stream: VideoStream, rate: Fraction | None) -> int | None:
    """Estimate the number of frames from the length of the video. None if unknown."""
    seconds = length_of(container, stream)
    return (round(seconds * rate) or None) if rate is not None and seconds is not None else None


def length_of(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return the length of the video in seconds by its header, None if unknown.

    If the clock of a format may jump, FFmpeg derives the length from the first and last time. After a jump ahead the
    file has too few bytes for such a length.
    """
    if stream.duration and stream.time_base:
        seconds = stream.duration * stream.time_base
    elif container.duration:
        seconds = Fraction(container.duration, av.time_base)
        begins = Fraction(container.start_time or 0, av.time_base)
        if container.metadata.get("encoder", container.metadata.get("ENCODER", "")).startswith("Lavf") and (
            "matroska" in container.format.name and 0 < begins < seconds
        ):
            seconds -= begins  # FFmpeg writes the end time there
    else:
        return None
    if may_jump(container) and container.size and container.size * 8 < seconds * FEWEST_BITS:
        return None
    return seconds


def durations_in(path: Path, count: int) -> list[Fraction]:
    """Return how many seconds each frame of the track with `count` frames is shown, by the container.

    Empty if there is no such track. Raises SourceError if the file cannot be read.
    """
    with open_video(path) as video:
        track = next((track for track in video.streams.video if track.frames == count and track.time_base), None)
        if track is None:
            return []
        try:
            base = track.time_base or Fraction(1)
            return [Fraction(packet.duration or 0) * base for packet in video.demux(track) if packet.size]
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{path}: {error.strerror}", "play it with another program to check") from error
