"""The sound of a film that is played, from a loudspeaker, in step with the pictures."""

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
from livedream.side_tracks import SideTracks
from livedream.timeline import OPTIONS

if TYPE_CHECKING:
    from sounddevice import OutputStream

log = logging.getLogger(__name__)

RATE = 48000
"""Samples per second and channel, which every device takes."""
CHANNELS = 2
SLIP = 0.06
"""Seconds. Sound that is no further from its picture is left alone: nobody notices (EBU R37), and it plays unbroken."""
AHEAD = 48000
"""Samples that are decoded before they are heard: a second."""
GLANCE_SECONDS = 0.02
"""How often the thread that decodes looks whether more is wanted."""
RUN_UP = Fraction(1)
"""Seconds before the start of a part at which decoding begins."""
LOWEST_TEMPO = 0.5
"""What FFmpeg's `atempo` takes at least; several follow one another for less."""


class Clock(Protocol):
    """What tells where the film is: livedream.pipeline.Playback."""

    speed: Fraction
    notice: str | None
    """Set while the dream is slower than the film."""

    @property
    def position(self) -> float | None: ...
    @property
    def paused(self) -> bool: ...


class AudioChunk(NamedTuple):
    """Some sound, and the time of the film at which it begins."""

    time: float
    values: np.ndarray
    """float32, (samples, channels)."""


class AudioQueue:
    """Decoded sound on its way to the loudspeaker: it gives what belongs to a time of the film.

    speed: of the film; a second of sound is so many seconds of the film.
    """

    def __init__(self, speed: Fraction) -> None:
        self._step = float(speed) / RATE
        """Seconds of the film from one sample to the next."""
        self._lock = threading.Lock()
        self._waiting: deque[AudioChunk] = deque()
        self._in_step = False
        """Whether the sound is so near its picture that it is played on."""

    def __len__(self) -> int:
        """The number of samples that wait."""
        with self._lock:
            return sum(len(samples.values) for samples in self._waiting)

    def put(self, samples: AudioChunk) -> None:
        with self._lock:
            self._waiting.append(samples)

    def cut(self, time: float) -> None:
        """Drop what begins at `time` or later: another round of the film begins there."""
        with self._lock:
            kept: deque[AudioChunk] = deque()
            for begin, values in self._waiting:
                if (count := round((time - begin) / self._step)) > 0:
                    kept.append(AudioChunk(begin, values[:count]))
            self._waiting = kept

    def fill(self, heard: np.ndarray, time: float) -> None:
        """Fill `heard`, float32 (samples, channels), with the sound of `time`; with silence where there is none.

        What is late is left out, what is early waits; but what is nearly right is played on.
        """
        heard[:] = 0
        filled = 0
        with self._lock:
            while self._waiting and filled < len(heard):
                begin, values = self._waiting[0]
                early = round((begin - time) / self._step) - filled
                if abs(early) * self._step > SLIP:
                    self._in_step = False
                if early < 0 and not self._in_step:
                    self._shorten(min(-early, len(values)))
                elif early > 0 and not self._in_step:
                    filled += min(early, len(heard) - filled)
                else:
                    self._in_step = True
                    count = min(len(heard) - filled, len(values))
                    heard[filled : filled + count] = values[:count]
                    filled += count
                    self._shorten(count)
            if not self._waiting:
                self._in_step = False

    def _shorten(self, count: int) -> None:
        begin, values = self._waiting.popleft()
        if count < len(values):
            self._waiting.appendleft(AudioChunk(begin + count * self._step, values[count:]))


class Speaker:
    """Plays the sound that belongs to a film, from `open` to `close`. It never holds up the pictures.

    While the film stands there is silence, and while the dream is slower than the film too, which is logged.

    sound: as a source has it, with `start`, what its clock shows at time 0 of the film, and `until`, the time at which
    it ends. round_seconds: returns how long one round of a film in a loop is, None while that is not known; not given
    for a film that is played once.

    Raises SinkError when the package or its library is missing.
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
        self._told = False

    def open(self) -> None:
        """Begin to play. Without a device that takes sound it is logged, and the film is silent."""
        try:
            stream = self._sounddevice.OutputStream(
                samplerate=RATE, channels=CHANNELS, dtype="float32", callback=self._give
            )
        except (self._sounddevice.PortAudioError, ValueError) as error:
            log.warning("no sound: no device plays it (%s)", error)
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

    def _give(self, heard: np.ndarray, count: int, times: Any, status: object) -> None:
        """Fill a buffer of the device, on a thread of its own."""
        position = self._clock.position
        if position is None or self._clock.paused or self._clock.notice is not None:
            heard[:] = 0
            return
        delay = max(0.0, times.outputBufferDacTime - times.currentTime)
        self._queue.fill(heard, position + delay * float(self._clock.speed))

    def _decode_rounds(self) -> None:
        began, first = Fraction(0), True
        while not self._closed.is_set():
            for samples in self._decoded(float(began), warn=first):
                self._queue.put(samples)
                while not self._is_over(samples.time, began) and len(self._queue) > AHEAD:
                    self._say_if_slow()
                    if self._closed.wait(GLANCE_SECONDS):
                        return
                if self._closed.is_set():
                    return
                if self._is_over(samples.time, began):  # there is more sound than pictures
                    break
            first = False
            if self._round_seconds is None:
                return
            while (seconds := self._round_seconds()) is None:
                if self._closed.wait(GLANCE_SECONDS):
                    return
            began += seconds
            self._queue.cut(float(began))
            # No further ahead than one round: the sound of a short film would be decoded over and over.
            while (self._clock.position or 0.0) < float(began - seconds):
                if self._closed.wait(GLANCE_SECONDS):
                    return

    def _is_over(self, time: float, began: Fraction) -> bool:
        """Return whether the round that began at `began` is known to be over by that time of the film."""
        seconds = None if self._round_seconds is None else self._round_seconds()
        return seconds is not None and time >= began + seconds

    def _say_if_slow(self) -> None:
        if self._clock.notice is not None and not self._told:
            self._told = True
            log.warning("there is no sound while the dream is slower than the film")

    def _decoded(self, began: float, *, warn: bool) -> Iterator[AudioChunk]:
        """The sound of one round that begins at `began`, in seconds of the film."""
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
        """The decoded frames of a track from the start on, with their times in the film."""
        unit = track.time_base or Fraction(1, RATE)
        if self._start > RUN_UP:
            with contextlib.suppress(av.error.FFmpegError):  # then all is decoded, from the beginning
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
    """Yield sound at RATE in stereo, `speed` times as fast at the same pitch; the times are those of the film.

    frames: with their times in the film, in seconds. A gap between them, and another format, begins anew.
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
    left = float(speed)
    while left != 1:
        factor = max(left, LOWEST_TEMPO)
        links.append(graph.add("atempo", f"{factor:.9g}"))
        left = 1 if factor == left else left / factor
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
    """Return the package that plays. Raises SinkError."""
    try:
        import sounddevice
    except ImportError as error:
        raise SinkError("no sound: sounddevice is not installed", 'pip install "livedream[sound]"') from error
    except OSError as error:  # what it says where PortAudio is missing
        hint = "install PortAudio: sudo apt-get install libportaudio2 (Debian, Ubuntu), or the like"
        raise SinkError(f"no sound: {error}", hint) from error
    return sounddevice
