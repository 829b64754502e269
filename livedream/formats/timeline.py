"""A continuous clock for all tracks of a video whose clock jumps: joined files, wraps, restarts of the sender."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition

OPTIONS = {"merge_pmt_versions": "1"}
"""Options for opening a video. A broadcast that repeats its table of tracks, or a second one joined to it, may number
the same tracks differently. Formats other than MPEG-TS ignore the option."""
NO_DTS = {"matroska", "nut", "wtv"}
"""Formats that store no decoding times."""
BACK = Fraction(1, 10)
"""Seconds. Decoding times never go back in an intact file; ffmpeg too treats less than this as an error."""
FAR = Fraction(10)
"""Seconds. In formats whose clock may jump, a longer step ahead is a jump and not a pause (ffmpeg's
`dts_delta_threshold`). In others a recording may pause for hours."""
ABSURD = Fraction(30 * 3600)
"""Seconds. A longer step ahead is a jump in every format (ffmpeg's `dts_error_threshold`)."""
OVERLAP = Fraction(1, 10)
"""Seconds. At a join, frames follow each other without a gap if the sound overlaps by no more than this: encoders pad
it at both ends. If it overlaps by more, the last frame before the join is shown until the sound has ended."""
LOOK_AHEAD = Fraction(3)
"""Seconds of a new part that are read at most to find the beginning of its tracks."""
HELD = 2048
"""Packets that are buffered at most meanwhile."""
REORDERED = 17
"""The number of packets among which the earliest frame of a part is: H.264 and H.265 reorder by 16 at most."""
WRAPS = (31, 32, 33)
"""The number of bits of clocks that wrap: FLV as written by ffmpeg, FLV, MPEG-TS and MPEG-PS."""
DAMAGED = Fraction(1)
"""Seconds. If a single track leaves the clock for no longer than this and returns, its times are damaged. This applies
to all audio frames that are sent together, up to half a second of them."""


class Jump(NamedTuple):
    """A place where the clock of a file jumps."""

    time: Fraction
    """In seconds on the continuous clock."""
    by: Fraction
    """In seconds, negative if it goes back."""


@dataclass(slots=True)
class _Track:
    """A video or audio track."""

    is_video: bool
    part: int = 0
    last: Fraction | None = None
    """The decoding time of its last packet, as a timestamp of the file in seconds."""
    duration: Fraction = Fraction(0)
    """Of that packet."""
    highest: Fraction | None = None
    """The latest presentation time in the part, as a timestamp of the file in seconds."""
    end: Fraction = Fraction(0)
    """Where its latest packet ends, in seconds on the continuous clock."""
    trim: Fraction | None = None
    """After a join: where the sound before it ends; overlapping sound is dropped."""


@dataclass(slots=True)
class _Part:
    """The stretch between two jumps."""

    clock: Fraction
    """The latest decoding time, as a timestamp of the file in seconds."""
    shift: Fraction = Fraction(0)
    """Seconds to add to timestamps of the file for the continuous clock."""
    begins: dict[int, Fraction] = field(default_factory=dict)
    """The earliest presentation time of each track, as a timestamp of the file in seconds."""
    opens: dict[int, Fraction] = field(default_factory=dict)
    """The decoding time of the first packet of each track."""
    counts: dict[int, int] = field(default_factory=dict)
    """The number of packets of each track."""


class Timeline:
    """Gives the packets of a file times that continue where its timestamps jump.

    Feed it the packets of every video and audio track in the order of the file. The result depends only on them: two
    readers of one file give its packets the same times. Before the first jump these are the times of the file.

    A jump is a decoding time that goes back and, in broadcast formats, one that goes far ahead of all tracks. A new
    part begins there. Its tracks keep their offsets, and it follows the part before without a gap in the video, or in
    the sound if that is longer. The tracks reach the join one after the other, so packets are buffered until the
    beginning of each is known. A clock that wraps simply continues.
    """

    def __init__(self, container: InputContainer) -> None:
        self.jumps: list[Jump] = []
        self._jumps_ahead = may_jump(container)
        self._no_dts = not NO_DTS.isdisjoint(container.format.name.split(","))
        """Whether decoding times are FFmpeg's guess, which may go back wherever frames are reordered."""
        self._tracks = {
            stream.index: _Track(stream.type == "video")
            for stream in container.streams
            if stream.type in ("video", "audio") and not stream.disposition & Disposition.attached_pic
        }
        self._parts: list[_Part] = []
        self._before: dict[int, _Track] = {}
        """The tracks that have reached the join, as they were before it."""
        self._is_open = False
        """Whether the shift of the last part is not known yet."""
        self._held: list[tuple[av.Packet[Any], int]] = []
        """Packets that wait for that shift, each with the number of its part."""

    def feed(self, packet: "av.Packet[Any]") -> "list[av.Packet[Any]]":
        """Add the next packet of the file; return the packets whose times are known, with these times."""
        if not packet.size:
            return [*self.rest(), packet]
        ready: list[av.Packet[Any]] = []
        track = self._tracks.get(packet.stream_index)
        time = self._time(packet)
        if time is None:
            part = track.part if track else len(self._parts) - 1
        elif track is None:
            part = self._nearest(time)
        else:
            ready, part = self._place(packet, track, time)
        if self._is_open:
            self._held.append((packet, part))
            if self._is_known():
                ready += self._close_join()
            return ready
        return ready + self._timed(packet, part)

    def rest(self) -> "list[av.Packet[Any]]":
        """Return the buffered packets at the end of the file."""
        return self._close_join() if self._is_open else []

    def _time(self, packet: "av.Packet[Any]") -> Fraction | None:
        """Return the time by which packets are ordered, as a timestamp of the file in seconds."""
        ticks = packet.pts if self._no_dts or packet.dts is None else packet.dts
        return None if ticks is None else ticks * packet.time_base

    def _place(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> "tuple[list[av.Packet[Any]], int]":
        """Find the part of a packet. Returns the packets that become ready, and the number of the part."""
        ready: list[av.Packet[Any]] = []
        if not self._parts:
            self._parts.append(_Part(time))
        if self._is_open and track.part == len(self._parts) - 1:
            ready = self._cancel(packet, track, time)
        if self._jumped(packet, track, time):
            if self._is_open and track.part == len(self._parts) - 1:
                ready = self._close_join()
            newest = len(self._parts) - 1
            if track.part < newest and abs(time - self._parts[newest].clock) <= FAR:
                self._enter(packet, track)
            else:
                self._open(packet, track, time)
        elif track.last is None:
            track.part = len(self._parts) - 1
        elif track.part < len(self._parts) - 1:
            ahead, behind = abs(time - self._parts[-1].clock), abs(time - self._parts[track.part].clock)
            if ahead + Fraction(1, 2) < behind:
                self._enter(packet, track)
        self._note(packet, track, time)
        return ready, track.part

    def _jumped(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> bool:
        """Return whether the clock jumps between the last packet of a track and this one."""
        if track.last is None:  # its first packet
            return self._jumps_ahead and abs(time - self._parts[-1].clock) > FAR
        if self._no_dts:  # frames decoded before a key frame are shown before it, too
            back = packet.is_keyframe and track.highest is not None and time < track.highest - BACK
        else:
            back = packet.dts is not None and time < track.last - BACK
        ahead = time - max(track.last + track.duration, self._parts[track.part].clock)
        return back or ahead > ABSURD or (self._jumps_ahead and ahead > FAR)

    def _open(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> None:
        """Begin a new part with a packet."""
        old = self._parts[-1]
        by = time - (old.clock if track.last is None else track.last + track.duration)
        self._parts.append(_Part(time))
        self._before = {}
        self._enter(packet, track)
        for bits in WRAPS:
            wrap = 2**bits * packet.time_base
            if abs(abs(by) - wrap) < 1:
                self._parts[-1].shift = old.shift - (wrap if by > 0 else -wrap)
                return
        self._is_open = True

    def _enter(self, packet: "av.Packet[Any]", track: _Track) -> None:
        """Register that a track has reached the last part."""
        self._before[packet.stream_index] = dataclasses.replace(track)
        track.part, track.highest = len(self._parts) - 1, None
        if not self._is_open and not track.is_video:
            track.trim = track.end

    def _note(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> None:
        """Update the state of the part and the track with a packet."""
        index, part = packet.stream_index, self._parts[track.part]
        duration = (packet.duration or 0) * packet.time_base
        presented = time if packet.pts is None else packet.pts * packet.time_base
        track.last, track.duration = time, duration
        track.highest = presented if track.highest is None else max(track.highest, presented)
        part.clock = max(part.clock, time)
        part.begins[index] = min(part.begins.get(index, presented), presented)
        part.opens.setdefault(index, time)
        part.counts[index] = part.counts.get(index, 0) + 1
        if not (self._is_open and track.part == len(self._parts) - 1):
            track.end = max(track.end, presented + duration + part.shift)

    def _is_known(self) -> bool:
        """Return whether enough of the new part has been read."""
        newest, old = self._parts[-1], self._parts[-2]
        if len(self._held) >= HELD or any(newest.clock - time > LOOK_AHEAD for time in newest.opens.values()):
            return True
        alive = [
            index
            for index, track in self._tracks.items()
            if track.last is not None and (index in newest.opens or abs(old.clock - track.last) <= FAR)
        ]
        return all(newest.counts.get(index, 0) >= (REORDERED if self._tracks[index].is_video else 1) for index in alive)

    def _close_join(self) -> "list[av.Packet[Any]]":
        """Append the new part to the one before; return the packets that were buffered."""
        newest = self._parts[-1]
        before = {index: track for index, track in self._before.items() if track.last is not None}
        # For each track: the shift with which it continues without a gap. A second video track may be a slow one.
        pictures = [track.end - newest.begins[index] for index, track in before.items() if track.is_video]
        sounds = [track.end - newest.begins[index] for index, track in before.items() if not track.is_video]
        if not before:  # tracks that did not exist before
            sounds = [max(track.end for track in self._tracks.values()) - min(newest.begins.values())]
        newest.shift = pictures[0] if pictures else max(sounds)
        if sounds and max(sounds) > newest.shift + OVERLAP:
            newest.shift = max(sounds)
        for index in newest.begins:
            track = self._tracks[index]
            track.trim = before[index].end if index in before and not track.is_video else None
            track.end = (track.highest or Fraction(0)) + track.duration + newest.shift
        begin = min(newest.begins.values())
        self.jumps.append(Jump(begin + newest.shift, self._parts[-2].shift - newest.shift))
        self._is_open = False
        held, self._held = self._held, []
        return [ready for packet, part in held for ready in self._timed(packet, part)]

    def _cancel(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> "list[av.Packet[Any]]":
        """Cancel the new part if the next packet of a track shows that the clock did not jump.

        That is the case if a few packets of one track have damaged times, or if the only track has regular pauses.
        Returns the packets that were buffered.
        """
        index = packet.stream_index
        newest, before = self._parts[-1], self._before.get(index)
        if before is None or before.last is None or len(newest.counts) > 1 or abs(time - newest.clock) <= 1:
            return []
        back = before.last + before.duration - newest.opens[index]
        is_back = newest.clock - newest.opens[index] <= DAMAGED and abs(time - newest.clock - back) <= 1
        is_single = newest.counts[index] == 1 and len(self._tracks) == 1
        has_pauses = is_single and before.last < newest.clock < time - FAR
        if not (is_back or has_pauses):
            return []
        self._is_open = False
        self._parts.pop()
        if has_pauses:
            self._jumps_ahead = False
        held, self._held = self._held, []
        for kept in dataclasses.fields(_Track):
            setattr(track, kept.name, getattr(before, kept.name))
        ready: list[av.Packet[Any]] = []
        for other, part in held:
            if part == len(self._parts):
                if is_back:
                    _move(other, back)
                self._note(other, track, (other.dts or other.pts or 0) * other.time_base)
                part = track.part
            ready += self._timed(other, part)
        return ready

    def _nearest(self, time: Fraction) -> int:
        """Return the number of the part to which a packet of another kind of track belongs."""
        newest = len(self._parts) - 1
        if newest < 1 or abs(time - self._parts[newest].clock) <= abs(time - self._parts[newest - 1].clock):
            return newest
        return newest - 1

    def _timed(self, packet: "av.Packet[Any]", part: int) -> "list[av.Packet[Any]]":
        """Return a packet with its time, or nothing for sound that overlaps the part before a join."""
        shift = self._parts[part].shift if self._parts else Fraction(0)
        if shift:
            _move(packet, shift)
        track = self._tracks.get(packet.stream_index)
        if track is None or track.trim is None or part != track.part or packet.dts is None:
            return [packet]
        if packet.dts * packet.time_base < track.trim - (packet.duration or 0) * packet.time_base / 2:
            return []
        track.trim = None
        return [packet]


def packets_of(container: InputContainer) -> "Iterator[av.Packet[Any]]":
    """Yield every packet of a file, and at the end an empty one for each track, which flushes its decoder.

    Tracks that first appear in the middle of the file are skipped.
    """
    try:
        yield from container.demux()
    except IndexError:  # PyAV 18.1 looks up such a track after it has flushed the others
        return


def may_seek(container: InputContainer, moment: Fraction) -> bool:
    """Return whether a reader may seek to `moment`, in seconds, and still get the same times from a `Timeline`.

    It may not if the clock may jump ahead, as in MPEG-TS and MPEG-PS: FFmpeg searches such a file as if it did not, so
    the whole file must be read. In other formats it may not seek beyond the end in the header, since joined files
    continue there.
    """
    if may_jump(container):
        return False
    if container.duration is None:
        return True
    return moment <= Fraction((container.start_time or 0) + container.duration, av.time_base)


def may_jump(container: InputContainer) -> bool:
    """Return whether the clock of the format may jump ahead, as in broadcasts."""
    return bool(Flags(container.format.flags) & Flags.ts_discont)


def _move(packet: "av.Packet[Any]", seconds: Fraction) -> None:
    ticks = round(seconds / packet.time_base)
    packet.pts = packet.pts + ticks if packet.pts is not None else None
    packet.dts = packet.dts + ticks if packet.dts is not None else None
