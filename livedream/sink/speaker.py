"""Plays the sound of a video on a loudspeaker, in sync with the picture."""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph

from livedream.errors import SinkError
from livedream.formats.timeline import OPTIONS
from livedream.side_tracks import SideTracks

if TYPE_CHECKING:
    from sounddevice import OutputStream

log = logging.getLogger(__name__)

RATE = 48000
"""Samples per second and channel, which every device supports."""
CHANNELS = 2
SLIP = 0.06
"""Seconds. A smaller offset from the picture is not corrected: it is not noticeable (EBU R37), and the sound plays
without a break."""
AHEAD = 48000
"""Samples that are decoded ahead: one second."""
POLL_SECONDS = 0.02
"""How often the decoding thread checks whether more samples are needed."""
RUN_UP = Fraction(1)
"""Seconds before the start at which decoding begins."""
LOWEST_TEMPO = 0.5
"""The slowest tempo of FFmpeg's `atempo`; for less, several are chained."""


class Clock(Protocol):
    """Tells the position of the video: livedream.pipeline.Playback."""

    speed: Fraction
    notice: str | None
    """Set while the dream is slower than the video."""

    @property
    def position(self) -> float | None: ...
    @property
    def paused(self) -> bool: ...


class AudioChunk(NamedTuple):
    """Consecutive samples, and the time in the video at which they begin."""

    time: float
    values: np.ndarray
    """float32, (samples, channels)."""


class AudioQueue:
    """Decoded sound that waits for its time in the video.

    Args:
        speed: The speed of the video: how many of its seconds one second of sound covers.
    """

    def __init__(self, speed: Fraction) -> None:
        self._step = float(speed) / RATE
        """Seconds of the video from one sample to the next."""
        self._lock = threading.Lock()
        self._waiting: deque[AudioChunk] = deque()
        self._in_step = False
        """Whether the sound is close enough to its picture to play on without correction."""

    def __len__(self) -> int:
        """Return the number of samples that wait."""
        with self._lock:
            return sum(len(samples.values) for samples in self._waiting)

    def put(self, samples: AudioChunk) -> None:
        with self._lock:
            self._waiting.append(samples)

    def cut(self, time: float) -> None:
        """Drop all samples from `time` on: another round of the video begins there."""
        with self._lock:
            remaining: deque[AudioChunk] = deque()
            for begin, values in self._waiting:
                if (count := round((time - begin) / self._step)) > 0:
                    remaining.append(AudioChunk(begin, values[:count]))
            self._waiting = remaining

    def fill(self, buffer: np.ndarray, time: float) -> None:
        """Fill `buffer`, float32 (samples, channels), with the sound from `time` on, or with silence.

        Late samples are dropped and early ones wait, but an offset within `SLIP` is ignored.
        """
        buffer[:] = 0
        filled = 0
        with self._lock:
            while self._waiting and filled < len(buffer):
                begin, values = self._waiting[0]
                early = round((begin - time) / self._step) - filled
                if abs(early) * self._step > SLIP:
                    self._in_step = False
                if early < 0 and not self._in_step:
                    self._drop_first(min(-early, len(values)))
                elif early > 0 and not self._in_step:
                    filled += min(early, len(buffer) - filled)
                else:
                    self._in_step = True
                    count = min(len(buffer) - filled, len(values))
                    buffer[filled : filled + count] = values[:count]
                    filled += count
                    self._drop_first(count)
            if not self._waiting:
                self._in_step = False

    def _drop_first(self, count: int) -> None:
        begin, values = self._waiting.popleft()
        if count < len(values):
            self._waiting.appendleft(AudioChunk(begin + count * self._step, values[count:]))


class Speaker:
    """Plays the sound of a video from `open` to `close`. It never delays the picture.

    It is silent while the video is paused, and while the dream is slower than the video, which is logged.

    Args:
        sound: The file of the sound, or what provides it, as an attribute of a source.
        clock: Tells the position of the video.
        start: What the clock of the file shows at time 0 of the video, in seconds.
        until: The time in the video at which the sound ends, in seconds; None for all of it.
        round_seconds: Returns how long one round of a looped video is, or None while that is unknown. None for a video
            that is played once.

    Raises:
        SinkError: The package `sounddevice` or its library is missing.
    """

    def __init__(
        self,
        sound: Path | SideTracks,
        clock: Clock,
        *,
        start: Fraction = Fraction(0),
        until: Fraction | None = None,
        round_seconds: Callable[[], Fraction | None] | None = None,
    ) -> None:
        self._sounddevice = _load()
        self._sound = sound
        self._name = str(sound) if isinstance(sound, Path) else sound.name
        self._clock = clock
        self._start = start
        self._until = until
        self._round_seconds = round_seconds
        self._queue = AudioQueue(clock.speed)
        self._closed = threading.Event()
        self._stream: OutputStream | None = None
        self._thread = threading.Thread(target=self._decode_rounds, name="livedream-sound", daemon=True)
        self._warned = False

    def open(self) -> None:
        """Begin to play. Where no device plays sound, that is logged and the video is silent."""
        try:
            stream = self._sounddevice.OutputStream(
                samplerate=RATE, channels=CHANNELS, dtype="float32", callback=self._fill_buffer
            )
        except (self._sounddevice.PortAudioError, ValueError) as error:
            log.warning("no sound: there is no device to play it (%s)", error)
            return
        try:
            stream.start()
        except self._sounddevice.PortAudioError as error:  # another program holds it
            stream.close()
            log.warning("no sound: the device does not play (%s)", error)
            return
        self._stream = stream
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._thread.join()

    def _fill_buffer(self, buffer: np.ndarray, count: int, times: Any, status: object) -> None:
        """Fill a buffer of the device. Called on a thread of PortAudio."""
        position = self._clock.position
        if position is None or self._clock.paused or self._clock.notice is not None:
            buffer[:] = 0
            return
        delay = max(0.0, times.outputBufferDacTime - times.currentTime)
        self._queue.fill(buffer, position + delay * float(self._clock.speed))

    def _decode_rounds(self) -> None:
        began, first = Fraction(0), True
        while not self._closed.is_set():
            for samples in self._decoded(float(began), warn=first):
                self._queue.put(samples)
                while not self._is_over(samples.time, began) and len(self._queue) > AHEAD:
                    self._warn_if_slow()
                    if self._closed.wait(POLL_SECONDS):
                        return
                if self._closed.is_set():
                    return
                if self._is_over(samples.time, began):  # the sound is longer than the video
                    break
            first = False
            if self._round_seconds is None:
                return
            while (seconds := self._round_seconds()) is None:
                if self._closed.wait(POLL_SECONDS):
                    return
            began += seconds
            self._queue.cut(float(began))
            # Stay at most one round ahead, or the sound of a short video would be decoded over and over.
            while (self._clock.position or 0.0) < float(began - seconds):
                if self._closed.wait(POLL_SECONDS):
                    return

    def _is_over(self, time: float, began: Fraction) -> bool:
        """Return whether the round that began at `began` is known to be over at `time` in the video."""
        seconds = None if self._round_seconds is None else self._round_seconds()
        return seconds is not None and time >= began + seconds

    def _warn_if_slow(self) -> None:
        if self._clock.notice is not None and not self._warned:
            self._warned = True
            log.warning("the sound is off while the dream is slower than the video")

    def _decoded(self, began: float, *, warn: bool) -> Iterator[AudioChunk]:
        """Yield the sound of one round that begins at `began`, in seconds of the video."""
        try:
            with self._open() as file:
                track = next(iter(file.streams.audio), None)
                if track is None:
                    return
                for time, values in tempo(self._frames(file, track), self._clock.speed):
                    if self._until is not None and time >= self._until:
                        return
                    yield AudioChunk(began + time, values)
        except (av.error.FFmpegError, OSError) as error:
            if warn:
                log.warning("%s: the sound ends early (%s)", self._name, error.strerror)

    def _frames(self, file: InputContainer, track: AudioStream) -> Iterator[tuple[float, AudioFrame]]:
        """Yield the decoded frames of a track from the start on, with their times in the video."""
        unit = track.time_base or Fraction(1, RATE)
        if self._start > RUN_UP:
            with contextlib.suppress(av.error.FFmpegError):  # then everything is decoded from the beginning
                file.seek(round((self._start - RUN_UP) / unit), stream=track)
        following = 0.0
        for packet in file.demux(track):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                time = following if frame.pts is None else float(frame.pts * unit - self._start)
                following = time + frame.samples / frame.sample_rate
                if following > 0:
                    yield time, frame

    def _open(self) -> InputContainer:
        if isinstance(self._sound, Path):
            return av.open(str(self._sound.absolute()), "r", options=dict(OPTIONS), metadata_errors="replace")
        return self._sound.open()


def tempo(frames: Iterator[tuple[float, AudioFrame]], speed: Fraction) -> Iterator[AudioChunk]:
    """Yield stereo sound at RATE, `speed` times as fast at the same pitch, with its times in the video.

    Args:
        frames: The decoded frames with their times in the video, in seconds. The filter restarts at a gap between them
            and where the format changes.
        speed: How fast the video is played.
    """
    graph: Graph | None = None
    kind: tuple[object, ...] = ()
    following = time = 0.0
    for begin, frame in frames:
        takes = frame.format.name, frame.layout.name, frame.sample_rate
        if graph is None or takes != kind or abs(begin - following) > SLIP:
            for values in _flushed(graph):
                yield AudioChunk(time, values)
                time += len(values) * float(speed) / RATE
            graph, kind, time = _graph(frame, speed), takes, begin
        following = begin + frame.samples / frame.sample_rate
        frame.pts = None
        graph.push(frame)
        for values in _pulled(graph):
            yield AudioChunk(time, values)
            time += len(values) * float(speed) / RATE
    for values in _flushed(graph):
        yield AudioChunk(time, values)
        time += len(values) * float(speed) / RATE


def _graph(frame: AudioFrame, speed: Fraction) -> Graph:
    graph = Graph()
    links = [
        graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )
    ]
    remaining = float(speed)
    while remaining != 1:
        factor = max(remaining, LOWEST_TEMPO)
        links.append(graph.add("atempo", f"{factor:.9g}"))
        remaining = 1 if factor == remaining else remaining / factor
    links.append(graph.add("aformat", f"sample_fmts=flt:sample_rates={RATE}:channel_layouts=stereo"))
    links.append(graph.add("abuffersink"))
    graph.link_nodes(*links).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[np.ndarray]:
    with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            pulled = graph.pull()
            yield pulled.to_ndarray().reshape(-1, CHANNELS)


def _flushed(graph: Graph | None) -> Iterator[np.ndarray]:
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _load() -> Any:
    """Return the package `sounddevice`. Raises SinkError."""
    try:
        import sounddevice
    except ImportError as error:
        raise SinkError("no sound: sounddevice is not installed", 'pip install "livedream[sound]"') from error
    except OSError as error:  # PortAudio is missing
        hint = "install PortAudio: sudo apt-get install libportaudio2 (Debian, Ubuntu), or its equivalent"
        raise SinkError(f"no sound: {error}", hint) from error
    return sounddevice
