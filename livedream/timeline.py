"""One clock for all tracks of a film whose own clock jumps: parts joined end to end, wraps, restarts of the sender."""

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
"""With which a film is opened. A broadcast that lists its tracks anew, and a second one joined to it, may number them
otherwise: they are the same tracks. Formats other than MPEG-TS do not know the option."""
NO_DTS = {"matroska", "nut", "wtv"}
"""Formats that store no decoding times."""
BACK = Fraction(1, 10)
"""Seconds. Decoding times never go back in a sound file; ffmpeg too takes less than this for a slip."""
FAR = Fraction(10)
"""Seconds. In formats that say that their clock may jump, a longer step ahead is a jump and no pause (ffmpeg's
`dts_delta_threshold`). In others a recording may stand still for hours."""
ABSURD = Fraction(30 * 3600)
"""Seconds. A longer step ahead is a jump in every format (ffmpeg's `dts_error_threshold`)."""
OVERLAP = Fraction(1, 10)
"""Seconds. At a join the pictures follow each other without a gap if the sound overlaps by no more than this: encoders
pad it at both ends. Where it overlaps by more, the last picture before the join waits for it."""
LOOK_AHEAD = Fraction(3)
"""Seconds of a new part that are read at most to find out where its tracks begin."""
HELD = 2048
"""Packets that are held at most meanwhile."""
REORDERED = 17
"""Packets in which the earliest picture of a part must come: H.264 and H.265 hold back 16 pictures at most."""
WRAPS = (31, 32, 33)
"""Bits of the clocks that wrap: FLV as ffmpeg writes it, FLV, MPEG-TS and MPEG-PS."""
DAMAGED = Fraction(1)
"""Seconds. A track that leaves the clock for no longer, alone, and comes back has a damaged time. It counts for all
frames of sound that are sent together, up to half a second of them."""


class Jump(NamedTuple):
    """A place where the clock of a file jumps."""

    time: Fraction
    """Seconds on the clock that goes on."""
    by: Fraction
    """Seconds, below 0 where it goes back."""


@dataclass(slots=True)
class _Track:
    """One track of pictures or sound."""

    is_video: bool
    part: int = 0
    last: Fraction | None = None
    """The decoding time of its last packet in the file, in seconds."""
    duration: Fraction = Fraction(0)
    """Of that packet."""
    highest: Fraction | None = None
    """When the latest packet of the part is shown, in seconds on the clock of the file."""
    end: Fraction = Fraction(0)
    """Where its latest packet ends, in seconds on the clock that goes on."""
    trim: Fraction | None = None
    """After a join: where the sound before it ends; what overlaps is left out."""


@dataclass(slots=True)
class _Part:
    """What lies between two jumps."""

    clock: Fraction
    """The latest decoding time that was read, in seconds on the clock of the file."""
    shift: Fraction = Fraction(0)
    """Seconds from the clock of the file to the one that goes on."""
    begins: dict[int, Fraction] = field(default_factory=dict)
    """Of each track: when its earliest packet is shown, in seconds on the clock of the file."""
    opens: dict[int, Fraction] = field(default_factory=dict)
    """Of each track: the decoding time of its first packet."""
    counts: dict[int, int] = field(default_factory=dict)
    """Of each track: how many packets were read."""


class Timeline:
    """Gives the packets of a file times that go on where the clock of the file jumps.

    All that is fed, with packets of every track of pictures and sound in the order of the file, decides: two readers of
    one file give its packets the same times. Before the first jump these are the times of the file.

    A jump is a decoding time that goes back, and in formats for broadcast one that goes far ahead of all tracks. A new
    part of the film begins there. Its tracks keep their distances, and it follows the part before without a gap in the
    pictures, or in the sound where that is longer. Tracks come to the join one after the other, so packets are held
    until it is known where each begins. A clock that wraps just goes on.
    """

    def __init__(self, container: InputContainer) -> None:
        self.jumps: list[Jump] = []
        self._jumps_ahead = may_jump(container)
        self._no_dts = not NO_DTS.isdisjoint(container.format.name.split(","))
        """FFmpeg's guess goes back at a join, or at the beginning, as often as pictures are reordered."""
        self._tracks = {
            stream.index: _Track(stream.type == "video")
            for stream in container.streams
            if stream.type in ("video", "audio") and not stream.disposition & Disposition.attached_pic
        }
        self._parts: list[_Part] = []
        self._before: dict[int, _Track] = {}
        """The tracks that came to the join, as they were before it."""
        self._is_open = False
        """Whether the last part is one of which the shift is not known yet."""
        self._held: list[tuple[av.Packet[Any], int]] = []
        """Packets that wait for it, each with the number of its part."""

    def feed(self, packet: "av.Packet[Any]") -> "list[av.Packet[Any]]":
        """Take the next packet of the file; return those of which the times are known, with these times."""
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
                ready += self._settle()
            return ready
        return ready + self._timed(packet, part)

    def rest(self) -> "list[av.Packet[Any]]":
        """The file has ended: return the packets that are held."""
        return self._settle() if self._is_open else []

    def _time(self, packet: "av.Packet[Any]") -> Fraction | None:
        """Return the time by which packets are in order, in seconds on the clock of the file."""
        ticks = packet.pts if self._no_dts or packet.dts is None else packet.dts
        return None if ticks is None else ticks * packet.time_base

    def _place(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> "tuple[list[av.Packet[Any]], int]":
        """Find the part of a packet; returns packets that are ready for it, too."""
        ready: list[av.Packet[Any]] = []
        if not self._parts:
            self._parts.append(_Part(time))
        if self._is_open and track.part == len(self._parts) - 1:
            ready = self._cancel(packet, track, time)
        if self._jumped(packet, track, time):
            if self._is_open and track.part == len(self._parts) - 1:
                ready = self._settle()
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
        if track.last is None:  # its first one
            return self._jumps_ahead and abs(time - self._parts[-1].clock) > FAR
        if self._no_dts:  # what is decoded before a key frame is shown before it, too
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
        """A track has come to the last part."""
        self._before[packet.stream_index] = dataclasses.replace(track)
        track.part, track.highest = len(self._parts) - 1, None
        if not self._is_open and not track.is_video:
            track.trim = track.end

    def _note(self, packet: "av.Packet[Any]", track: _Track, time: Fraction) -> None:
        """Keep in mind what a packet of a part tells."""
        index, part = packet.stream_index, self._parts[track.part]
        duration = (packet.duration or 0) * packet.time_base
        shown = time if packet.pts is None else packet.pts * packet.time_base
        track.last, track.duration = time, duration
        track.highest = shown if track.highest is None else max(track.highest, shown)
        part.clock = max(part.clock, time)
        part.begins[index] = min(part.begins.get(index, shown), shown)
        part.opens.setdefault(index, time)
        part.counts[index] = part.counts.get(index, 0) + 1
        if not (self._is_open and track.part == len(self._parts) - 1):
            track.end = max(track.end, shown + duration + part.shift)

    def _is_known(self) -> bool:
        """Return whether enough was read of the new part."""
        newest, old = self._parts[-1], self._parts[-2]
        if len(self._held) >= HELD or any(newest.clock - time > LOOK_AHEAD for time in newest.opens.values()):
            return True
        alive = [
            index
            for index, track in self._tracks.items()
            if track.last is not None and (index in newest.opens or abs(old.clock - track.last) <= FAR)
        ]
        return all(newest.counts.get(index, 0) >= (REORDERED if self._tracks[index].is_video else 1) for index in alive)

    def _settle(self) -> "list[av.Packet[Any]]":
        """Let the new part follow the one before; return the packets that were held."""
        newest = self._parts[-1]
        before = {index: track for index, track in self._before.items() if track.last is not None}
        # For each track: the shift with which it goes on without a gap. A second track of pictures may be a slow one.
        pictures = [track.end - newest.begins[index] for index, track in before.items() if track.is_video]
        sounds = [track.end - newest.begins[index] for index, track in before.items() if not track.is_video]
        if not before:  # tracks that were not there before
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
        """If the next packet of a track shows that the new part is none, forget it and return what was held.

        It is none where a few packets of one track have damaged times, and where the only track has pauses as a rule.
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
        """Return the part to which something between the packets of pictures and sound belongs."""
        newest = len(self._parts) - 1
        if newest < 1 or abs(time - self._parts[newest].clock) <= abs(time - self._parts[newest - 1].clock):
            return newest
        return newest - 1

    def _timed(self, packet: "av.Packet[Any]", part: int) -> "list[av.Packet[Any]]":
        """Return a packet with its time; nothing in place of sound that overlaps what was before a join."""
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

    Tracks that first appear in mid-file are passed over.
    """
    try:
        yield from container.demux()
    except IndexError:  # PyAV 18.1 looks for such a track when it flushes the others, which it has done by then
        return


def may_seek(container: InputContainer, moment: Fraction) -> bool:
    """Return whether a reader may seek to `moment`, in seconds, and still find the times that a `Timeline` gives.

    Not where the clock may jump ahead, as in MPEG-TS and MPEG-PS: FFmpeg searches such a file for a time as if it did
    not, so all of it is read. In others, not behind the end that the header tells: files that were joined end to end
    go on there.
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
