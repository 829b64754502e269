"""The sound of a video that is played. Videos are really decoded; only the loudspeaker is simulated.

The film of the tests says its time in its sound: the left channel grows from 0 to 1 over `SECONDS`.
"""

import contextlib
import itertools
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from livedream.errors import SinkError
from livedream.sink import speaker as module
from livedream.sink.speaker import CHANNELS, RATE, SLIP, AudioChunk, AudioQueue, Speaker, tempo

SECONDS = 2


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as file:
        track = file.add_stream("pcm_s16le", RATE, layout="stereo")
        ramp = np.linspace(0, 1, SECONDS * RATE, endpoint=False)
        values = (np.stack([ramp, -ramp], axis=1) * 32767).astype(np.int16)
        for begin in range(0, len(values), 1200):
            frame = AudioFrame.from_ndarray(values[begin : begin + 1200].reshape(1, -1), "s16", "stereo")
            frame.sample_rate, frame.pts = RATE, begin
            file.mux(track.encode(frame))
    return path


class Clock:
    """A video that is paused at the position that the test sets."""

    def __init__(self, speed: Fraction = Fraction(1)) -> None:
        self.speed = speed
        self.position: float | None = None
        self.paused = False
        self.notice: str | None = None


class Device:
    """Replaces sounddevice; `hear` does what its thread does."""

    PortAudioError = RuntimeError

    def __init__(self) -> None:
        self.give: Any = None
        self.closed = False
        self.start = lambda: None

    def OutputStream(self, *, samplerate, channels, dtype, callback):  # noqa: N802
        assert (samplerate, channels, dtype) == (RATE, CHANNELS, "float32")
        self.give = callback
        return SimpleNamespace(start=self.start, close=lambda: setattr(self, "closed", True))

    def hear(self, count: int = 480, delay: float = 0.0) -> np.ndarray:
        heard = np.full((count, CHANNELS), 9, np.float32)
        self.give(heard, count, SimpleNamespace(currentTime=5.0, outputBufferDacTime=5.0 + delay), "")
        return heard


@pytest.fixture
def device(monkeypatch) -> Device:
    device = Device()
    monkeypatch.setattr(module, "_load", lambda: device)
    return device


def moment(heard: np.ndarray) -> float:
    """The time of the film, in seconds, that the first sample says."""
    assert np.allclose(heard[:, 0], -heard[:, 1], atol=1e-3)
    return float(heard[0, 0]) * SECONDS


def until(true) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


@contextlib.contextmanager
def playing(film: Path, clock: Clock, **how):
    speaker = Speaker(film, clock, **how)
    speaker.open()
    try:
        until(lambda: len(speaker._queue) > RATE / 4)
        yield speaker
    finally:
        speaker.close()


def heard_at(time: float, clock: Clock, device: Device, delay: float = 0.0) -> float:
    """Go to that time of the film, and return which time is heard once the decoder is there."""
    clock.position = time
    heard: list[np.ndarray] = []
    until(lambda: heard.append(device.hear(delay=delay)) or heard[-1].all())
    return moment(heard[-1])


def test_a_busy_device_is_a_warning_and_the_video_is_silent(film, device, caplog) -> None:
    def busy() -> None:
        raise device.PortAudioError("Device unavailable [PaErrorCode -9985]")

    device.start = busy
    speaker = Speaker(film, Clock())
    speaker.open()
    speaker.close()
    assert device.closed
    assert caplog.messages == ["no sound: the device does not play (Device unavailable [PaErrorCode -9985])"]


def test_the_sound_is_in_sync_with_the_picture(film, device) -> None:
    clock = Clock()
    with playing(film, clock):
        assert not device.hear().any()  # no frame is shown yet
        clock.position = 0.1
        assert moment(device.hear()) == pytest.approx(0.1, abs=1e-3)
        clock.position = 0.12  # 10 ms were heard: it goes on where it was, though it is not exactly there
        assert moment(device.hear()) == pytest.approx(0.11, abs=1e-3)
        assert heard_at(0.5, clock, device) == pytest.approx(0.5, abs=1e-3)
        assert heard_at(0.7, clock, device, delay=0.1) == pytest.approx(0.8, abs=1e-3)
    assert device.closed


def test_silence_while_the_video_is_paused_or_the_dream_is_slower(film, device, caplog) -> None:
    clock = Clock()
    with playing(film, clock):
        clock.position, clock.paused = 0.25, True
        assert not device.hear().any()
        clock.paused = False
        assert moment(device.hear()) == pytest.approx(0.25, abs=1e-3)
        clock.notice = "the dream makes 18 of 30 frames per second: playing slower"
        assert not device.hear().any()
        until(lambda: caplog.records)
        clock.notice = None
        assert heard_at(0.4, clock, device) == pytest.approx(0.4, abs=1e-3)
    text = "the sound is off while the dream is slower than the video"
    assert [record.getMessage() for record in caplog.records] == [text]


def test_a_part_of_a_film(film, device) -> None:
    clock = Clock()
    with playing(film, clock, start=Fraction(5, 4), until=Fraction(1, 2)) as speaker:
        assert heard_at(0.1, clock, device) == pytest.approx(1.35, abs=1e-3)
        clock.position = 0.6
        assert not device.hear().any() and len(speaker._queue) == 0


def test_each_round_of_a_loop_has_the_sound_from_the_beginning(film, device) -> None:
    """The frames of a round take 1.5 s; the rest of the sound is not played."""
    clock = Clock()
    seconds: list[Fraction | None] = [None]
    with playing(film, clock, round_seconds=lambda: seconds[0]) as speaker:
        assert heard_at(1.4, clock, device) == pytest.approx(1.4, abs=1e-3)
        until(lambda: len(speaker._queue) > RATE / 2)  # all there is, and more than belongs to the round
        seconds[0] = Fraction(3, 2)
        until(lambda: len(speaker._queue) > RATE * 0.9)  # the first round ends, and the second is there
        clock.position = 1.45
        first, second = device.hear(960), device.hear(RATE // 4)
        assert moment(first) == pytest.approx(1.41, abs=SLIP + 0.02)
        assert 0.95 * 1.5 < second[:, 0].max() * SECONDS < 1.5 + 1e-3
        assert heard_at(1.8, clock, device) == pytest.approx(0.3, abs=SLIP + 0.01)
        assert heard_at(2.9, clock, device) == pytest.approx(1.4, abs=SLIP + 0.01)
        assert heard_at(3.2, clock, device) == pytest.approx(0.2, abs=SLIP + 0.01)


@pytest.mark.parametrize("speed", [Fraction(2), Fraction(1, 4)])
def test_times_are_those_of_the_video_at_any_speed(speed) -> None:
    def tone():
        for begin in range(0, RATE, 1024):
            phase = np.arange(begin, begin + 1024) * 2 * np.pi * 1000 / RATE
            frame = AudioFrame.from_ndarray(np.sin(phase, dtype=np.float32)[None].astype(np.float32), "flt", "mono")
            frame.sample_rate = RATE
            yield begin / RATE, frame

    blocks = list(tempo(tone(), speed))
    values = np.concatenate([block.values for block in blocks])[:, 0]
    assert len(values) / RATE == pytest.approx(1 / speed, rel=0.06)
    for before, after in itertools.pairwise(blocks):
        assert after.time - before.time == pytest.approx(len(before.values) * float(speed) / RATE)
    spectrum = np.abs(np.fft.rfft(values))
    assert np.argmax(spectrum) * RATE / len(values) == pytest.approx(1000, abs=20)  # the same pitch


def test_early_sound_waits_and_late_sound_is_dropped() -> None:
    queue = AudioQueue(Fraction(1))
    queue.put(AudioChunk(1.0, np.ones((480, 2), np.float32)))
    heard = np.empty((4800, 2), np.float32)
    queue.fill(heard, 0.95)
    assert np.flatnonzero(heard[:, 0]).tolist() == list(range(2400, 2880))
    for begin in (2.0, 2.01, 2.02):
        queue.put(AudioChunk(begin, np.ones((480, 2), np.float32)))
    queue.fill(heard[:480], 2.0)
    queue.fill(heard[:480], 2.05)  # it should be 40 ms further, which nobody notices
    assert heard[:480].all() and len(queue) == 480
    queue.fill(heard, 9.0)
    assert not heard.any() and len(queue) == 0


def test_a_missing_package_or_library_is_one_line_with_a_hint(film, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SinkError, match="sounddevice is not installed") as error:
        Speaker(film, Clock())
    assert 'pip install "livedream[sound]"' in error.value.hint


def test_the_video_is_silent_without_a_device(film, device, monkeypatch, caplog) -> None:
    def fail(**how):
        raise RuntimeError("Error querying device -1")

    monkeypatch.setattr(device, "OutputStream", fail)
    before = threading.active_count()
    with contextlib.closing(Speaker(film, Clock())) as speaker:
        speaker.open()
        assert threading.active_count() == before
    assert "no sound: there is no device to play it (Error querying device -1)" in caplog.text
