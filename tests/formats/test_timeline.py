"""Clocks that jump: joined films, wraps, pauses. Each part has a flash and a beep at 1 s; they must stay together."""

import itertools
import logging
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.open import open_source
from livedream.formats.timeline import Timeline
from livedream.frame import Frame
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.films import av, ffprobe, read_film, write_film

pytestmark = pytest.mark.needs_ffmpeg

FLASH = "color=black:s=64x48:r=25:d={d},geq=lum='if(between(mod(T,2),1,1.19),235,16)':cb=128:cr=128"
BEEP = "aevalsrc=if(between(mod(t\\,2)\\,1\\,1.2)\\,0.8*sin(6283*t)\\,0):d={d}:s=44100"
H264, MPEG2 = ["-c:v", "libx264", "-g", "25"], ["-c:v", "mpeg2video", "-g", "12", "-bf", "2"]
AAC_FRAME = 1024 / 44100


def part(path: Path, *options: str, seconds: int = 2) -> bytes:
    """What a film of a flash and a beep is; it is not kept."""
    inputs = [word for text in (FLASH, BEEP) for word in ("-f", "lavfi", "-i", text.format(d=seconds))]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *options, str(path)], check=True)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of films whose clocks jump."""
    folder = tmp_path_factory.mktemp("films")
    near = part(folder / "a.ts", *H264, "-c:a", "aac")
    far = part(folder / "a.ts", *H264, "-c:a", "aac", "-output_ts_offset", "1000")
    other = part(folder / "a.ts", *H264, "-c:a", "aac", "-streamid", "0:300", "-streamid", "1:301")
    mute = part(folder / "a.ts", *H264, "-an")
    broadcast = part(folder / "a.ts", *MPEG2, "-c:a", "mp2", "-output_ts_offset", "95441")
    no_sound = ["-c:v", "libx264", "-c:a", "aac", "-bsf:a", "noise=drop=1"]
    (folder / "sound_later.ts").write_bytes(part(folder / "a.ts", *no_sound) + near)
    (folder / "sound_far.ts").write_bytes(part(folder / "a.ts", *no_sound) + far)
    disc = part(folder / "a.vob", *MPEG2, "-c:a", "ac3")
    matroska = part(folder / "a.mkv", *H264, "-c:a", "aac")
    plain = part(folder / "a.mp4", *H264, "-c:a", "aac")
    (folder / "plain.mp4").write_bytes(plain + plain)
    fragments = ["-g", "10", "-movflags", "frag_keyframe+default_base_moof+delay_moov"]
    fragmented = part(folder / "a.mp4", *H264, "-c:a", "aac", *fragments)
    (folder / "joined.mp4").write_bytes(fragmented + fragmented)
    flash_video = part(folder / "a.flv", "-c:v", "flv", "-c:a", "mp3", "-ar", "44100")
    (folder / "joined.flv").write_bytes(flash_video + flash_video)
    (folder / "near.ts").write_bytes(near + near)
    (folder / "three.ts").write_bytes(near + far + near)
    (folder / "back.ts").write_bytes(far + near)
    (folder / "numbers.ts").write_bytes(near + other)
    (folder / "pause.ts").write_bytes(near + mute + near)
    (folder / "wrapped.ts").write_bytes(broadcast + broadcast)
    (folder / "joined.vob").write_bytes(disc + disc)
    (folder / "joined.mkv").write_bytes(matroska + matroska)
    whole = part(folder / "a.ts", *H264, "-c:a", "aac", "-output_ts_offset", "95440", seconds=4)
    (folder / "wrap.ts").write_bytes(whole)
    # FFmpeg writes 31 bits of milliseconds: 2^31 ms are 2147483.648 s.
    flash = ["-c:v", "flv", "-c:a", "mp3", "-ar", "44100", "-output_ts_offset", "2147481.5"]
    (folder / "wrap.flv").write_bytes(part(folder / "a.flv", *flash, seconds=4))
    (folder / "late.mkv").write_bytes(part(folder / "a.mkv", *H264, "-c:a", "aac", "-output_ts_offset", "3600"))
    return folder


def copy(film: Path, target: Path, start: Fraction | None = None, end: Fraction | None = None) -> list[Fraction]:
    """Carry a film over as a run does, without a dream; returns the times of its frames."""
    with open_source(film, start=start, end=end) as source, open_sink(target, StreamInfo.of(source)) as sink:
        times = []
        for frame in source:
            sink.write(frame)
            times.append(frame.time)
        sink.end()
    return times


def flashes(film: Path) -> list[float]:
    """When a picture becomes bright."""
    bright = [(float(time), pixels.mean() > 100) for time, pixels in read_film(film)]
    return [time for (time, is_on), (_, was_on) in zip(bright[1:], bright, strict=False) if is_on and not was_on]


def beeps(film: Path) -> list[float]:
    """When it becomes loud after half a second of quiet."""
    begins: list[float] = []
    last = -1.0
    with av.open(str(film)) as container:
        for samples in container.decode(audio=0):
            loud = np.abs(samples.to_ndarray().astype(float)[0, :: 1 if samples.format.is_planar else 2])
            loud /= 32768 if samples.format.name.startswith("s16") else 1
            for place in np.nonzero(loud > 0.2)[0]:
                time = float(samples.pts * samples.time_base) + place / samples.sample_rate
                if time - last > 0.5:
                    begins.append(time)
                last = time
    return begins


JOINED = {
    "near.ts": (100, 4.04, "jump at 2.00 s by -2.00 s"),
    "three.ts": (150, 6.04, "jump 2 times, first at 2.00 s by +997.92 s"),
    "back.ts": (100, 4.04, "jump at 2.00 s by"),
    "numbers.ts": (100, 4.04, "jump at 2.00 s by -2.00 s"),
    "wrapped.ts": (100, 4.02, "jump at 2.00 s by -2.00 s"),
    "joined.vob": (100, 4.02, "jump at 2.00 s by -2.00 s"),
    "joined.mp4": (100, 4.0, "jump at 1.98 s by -2.00 s"),
    "joined.mkv": (100, 4.04, "jump at 2.00 s by -2.00 s"),
}
"""How many frames and seconds there are in all, and what is said."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, ".mp4") for name in JOINED), ("near.ts", ".mov"), ("near.ts", ".mkv"), ("near.ts", ".webm")],
)
def test_joined_films_go_on(
    name: str, kind: str, films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All of the picture and the sound is there, one after the other, and what belongs together is together."""
    frames, seconds, said = JOINED[name]
    caplog.set_level(logging.WARNING)
    target = tmp_path / f"out{kind}"
    times = copy(films / name, target)
    assert len(times) == frames
    assert all(after - before <= Fraction(81, 1000) for before, after in itertools.pairwise(times))
    with av.open(str(target)) as film:
        assert abs(film.duration / av.time_base - seconds) < 0.03
    if kind == ".mp4" and name.endswith(".ts") and name != "wrapped.ts":
        begins = [float(packet["dts_time"]) for packet in ffprobe(target, "a", "packet=dts_time")]
        assert np.diff(begins).min() > AAC_FRAME / 2  # encoders pad both ends; that does not pile up at the join
    shown, heard = flashes(target), beeps(target)
    assert len(shown) == len(heard) == frames // 50
    assert np.allclose(shown, heard, atol=AAC_FRAME)
    assert np.allclose(np.diff(shown), 2, atol=0.041)
    assert [record.getMessage() for record in caplog.records if said in record.getMessage()]
    assert sum(": timestamps jump" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize(("name", "lost"), [("plain.mp4", "1 more video "), ("joined.flv", " bytes ")])
def test_joined_films_of_which_ffmpeg_reads_the_first(
    name: str, lost: str, films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert len(copy(films / name, tmp_path / "out.mp4")) == 50
    (said,) = [text for record in caplog.records if "after the end" in (text := record.getMessage())]
    assert lost in said
    caplog.clear()
    copy(films / name, tmp_path / "part.mp4", end=Fraction(1))
    assert not caplog.records


@pytest.mark.parametrize("name", ["sound_later.ts", "sound_far.ts"])
def test_joined_film_that_has_sound_from_the_join_on(name: str, films: Path, tmp_path: Path) -> None:
    assert len(copy(films / name, tmp_path / "out.mp4")) == 100
    shown, heard = flashes(tmp_path / "out.mp4"), beeps(tmp_path / "out.mp4")
    assert len(shown) == 2
    assert np.allclose(heard, shown[1:], atol=AAC_FRAME)


def test_joined_film_without_sound_in_the_middle(films: Path, tmp_path: Path) -> None:
    assert len(copy(films / "pause.ts", tmp_path / "out.mp4")) == 150
    shown, heard = flashes(tmp_path / "out.mp4"), beeps(tmp_path / "out.mp4")
    assert len(shown) == 3
    assert np.allclose(heard, [shown[0], shown[2]], atol=AAC_FRAME)


@pytest.mark.parametrize("name", ["wrap.ts", "wrap.flv"])
def test_clock_that_wraps_goes_on(name: str, films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    times = copy(films / name, tmp_path / "out.mp4")
    assert len(times) == 100
    assert times[-1] - times[0] == pytest.approx(3.96, abs=0.002)
    assert np.allclose(flashes(tmp_path / "out.mp4"), beeps(tmp_path / "out.mp4"), atol=2 * AAC_FRAME)
    assert not [record for record in caplog.records if "clock" in record.getMessage()]


def test_film_that_begins_an_hour_late(films: Path, tmp_path: Path) -> None:
    with open_source(films / "late.mkv") as source:
        assert source.length is not None
        assert abs(source.length - 50) <= 1
    assert len(copy(films / "late.mkv", tmp_path / "out.mp4")) == 50
    assert np.allclose(flashes(tmp_path / "out.mp4"), beeps(tmp_path / "out.mp4"), atol=AAC_FRAME)


@pytest.mark.parametrize("name", ["near.ts", "three.ts", "joined.vob", "joined.mkv", "wrap.ts"])
@pytest.mark.parametrize(("start", "end"), [("2.5", None), ("2.5", "3.5"), ("1.5", "2.9")])
def test_part_of_a_joined_film(name: str, start: str, end: str | None, films: Path, tmp_path: Path) -> None:
    """It has the frames and the sound that the whole has there."""
    begin, stop = Fraction(start), Fraction(end or 9)
    with open_source(films / name) as source:
        wanted = [frame for frame in source if begin <= frame.time < stop]
    with open_source(films / name, start=begin, end=None if end is None else stop) as source:
        found = list(source)
    assert [frame.time for frame in found] == [frame.time - wanted[0].time for frame in wanted]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(found, wanted, strict=True))
    copy(films / name, tmp_path / "out.mp4", begin, None if end is None else stop)
    shown, heard = flashes(tmp_path / "out.mp4"), beeps(tmp_path / "out.mp4")
    assert len(shown) == len(heard)
    assert np.allclose(shown, heard, atol=2 * AAC_FRAME)


def test_far_jump_makes_no_long_film_of_the_header(films: Path) -> None:
    """Not 25,000 frames, as the distance of the ends of the file says."""
    with open_source(films / "three.ts") as source:
        assert source.length is None


@pytest.mark.parametrize("kind", [".mp4", ".mkv", ".ts"])
def test_pauses_stay_pauses(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Slides that stand for half a minute and longer are no jumps, not even where the clock may jump."""
    ticks = [0, 30_000, 60_000, 200_000, 200_040]
    film = write_film(tmp_path / f"slides{kind}", ticks)
    with open_source(film) as source:
        times = [frame.time for frame in source]
    assert [round(1000 * (time - times[0])) for time in times] == ticks
    assert not [record for record in caplog.records if "clock" in record.getMessage()]


@pytest.mark.parametrize("minutes", [-1, 60])
def test_one_damaged_time_is_no_jump(minutes: int, films: Path, tmp_path: Path) -> None:
    """A single packet of sound with a wrong time moves nothing else."""
    content = bytearray((films / "near.ts").read_bytes()[: len((films / "near.ts").read_bytes()) // 2])
    damage(content, track=0x101, number=3, seconds=60 * minutes)
    (tmp_path / "film.ts").write_bytes(content)
    with av.open(str(tmp_path / "film.ts")) as film:
        timeline = Timeline(film)
        packets = [ready for packet in film.demux() for ready in timeline.feed(packet) if ready.size]
        sound = [float(packet.dts * packet.time_base) for packet in packets if packet.stream.type == "audio"]
        pictures = sorted(float(packet.pts * packet.time_base) for packet in packets if packet.stream.type == "video")
    assert not timeline.jumps
    assert np.allclose(np.diff(pictures), 0.04, atol=1e-4)
    assert np.all(np.diff(sound) > 0)
    assert sound[-1] - sound[0] == pytest.approx(2.005, abs=0.03)


def damage(content: bytearray, track: int, number: int, seconds: int) -> None:
    """Move the time of the `number`th PES packet of a track (ISO/IEC 13818-1, 2.4.3.6)."""
    for place in range(0, len(content), 188):
        packet = content[place : place + 188]
        begins, pid = packet[1] & 0x40, (packet[1] & 0x1F) << 8 | packet[2]
        if not begins or pid != track:
            continue
        number -= 1
        if number:
            continue
        pes = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        a, b, c, d, e = packet[pes + 9 : pes + 14]
        time = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
        time = (time + 90_000 * seconds) % 2**33
        content[place + pes + 9 : place + pes + 14] = bytes(
            (a & 0xF1 | time >> 30 << 1, time >> 22 & 255, time >> 14 & 254 | 1, time >> 7 & 255, time << 1 & 254 | 1)
        )
        return


# The last frame ------------------------------------------------------------------------------------------------------

MS = Fraction(1, 1000)
RECORDED = [0, 33, 66, 100, 1000, 1033, 1066]


def record(path: Path, ticks: list[int], last: int) -> Path:
    """A film with frames at `ticks`, in milliseconds, of which the last stands for `last`."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=30, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = MS
        packets = []
        for number, tick in enumerate(ticks):
            pixels = np.full((48, 64, 3), 40 * number % 256, np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = tick, MS
            packets += stream.encode(picture)
        packets += stream.encode()
        ends = [*ticks[1:], ticks[-1] + last]
        for packet in packets:
            shown = round(packet.pts * packet.time_base * 1000)
            packet.duration = round(Fraction(ends[ticks.index(shown)] - shown, 1000) / packet.time_base)
            film.mux(packet)
    return path


def duration(path: Path) -> Fraction:
    """How many seconds the film lasts, as ffprobe says."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
    return Fraction(subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip())


@pytest.mark.parametrize("target", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
@pytest.mark.parametrize("kind", [".mp4", ".mkv"])
def test_last_frame_keeps_its_duration(kind: str, target: str, tmp_path: Path) -> None:
    """6.066 s; without that of the last frame they were 1.93."""
    film = record(tmp_path / f"film{kind}", RECORDED, 5000)
    assert len(copy(film, tmp_path / f"out{target}")) == 7
    tick = Fraction(1, 100) if target == ".gif" else MS
    assert abs(duration(tmp_path / f"out{target}") - Fraction(6066, 1000)) <= tick
    if target in (".mp4", ".mov"):
        (track,) = ffprobe(tmp_path / f"out{target}", "v", "stream=duration,nb_frames")
        assert (track["nb_frames"], round(float(track["duration"]), 2)) == ("7", 6.07)


def test_last_frame_of_reordered_pictures(tmp_path: Path) -> None:
    """It is not the last in the file, where durations are those of decoding."""
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "3", "x264-params": "b-adapt=0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = MS
        packets = []
        for number in range(29):
            pixels = np.full((48, 64, 3), 8 * number, np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = 40 * number, MS
            packets += stream.encode(picture)
        packets += stream.encode()
        assert packets[-1].pts < 28 * 40
        packets[-1].duration = 28 * 40 + 500 - (packets[0].pts - packets[0].dts) - packets[-1].dts
        max(packets, key=lambda packet: packet.pts).duration = 500
        container.mux(packets)
    (track,) = ffprobe(film, "v", "stream=duration")
    assert Fraction(track["duration"]) == 1620 * MS
    copy(film, tmp_path / "out.mkv")
    assert duration(tmp_path / "out.mkv") == 1620 * MS


@pytest.mark.parametrize("target", [".mp4", ".mkv", ".gif"])
def test_slides_and_gifs_last_as_long_as_they_did(target: str, tmp_path: Path) -> None:
    slides = record(tmp_path / "slides.mp4", [0, 2000, 4000], 8000)
    copy(slides, tmp_path / f"slides-out{target}")
    assert duration(tmp_path / f"slides-out{target}") == 12
    from PIL import Image

    pictures = [Image.new("RGB", (64, 48), color) for color in ((200, 40, 30), (30, 180, 60), (40, 60, 210))]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 1000])
    copy(tmp_path / "a.gif", tmp_path / f"out{target}")
    assert duration(tmp_path / f"out{target}") == Fraction(14, 10)
    if target == ".mp4":
        assert ffprobe(tmp_path / "out.mp4", "v", "stream=duration") == [{"duration": "1.400000"}]
    assert [time for time, _ in read_film(tmp_path / f"out{target}")] == [0, Fraction(1, 10), Fraction(4, 10)]


def test_gif_without_delays_is_shown_as_browsers_do(tmp_path: Path) -> None:
    """Ten hundredths of a second for each frame that asks for less than two."""
    from PIL import Image

    pictures = [Image.new("RGB", (64, 48), (level, 0, 0)) for level in (0, 100, 200)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=0)
    assert copy(tmp_path / "a.gif", tmp_path / "out.gif") == [0, Fraction(1, 10), Fraction(2, 10)]
    assert duration(tmp_path / "out.gif") == Fraction(3, 10)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    ("ticks", "last"), [([0, 40, 80, 500, 540, 580, 620, 1500], 300), (list(range(0, 1200, 40)), 500)]
)
def test_track_of_reordered_pictures_is_as_long_as_the_film(
    ticks: list[int], last: int, suffix: str, tmp_path: Path
) -> None:
    """At 25 frames a second x264 decodes pictures in another order and falls behind where their distances vary."""
    film = tmp_path / f"film{suffix}"
    with open_sink(film, StreamInfo(rate=Fraction(25), time_base=MS)) as sink:
        for number, tick in enumerate(ticks):
            pixels = np.full((48, 64, 3), 8 * number, np.uint8)
            lasts = last * MS if tick == ticks[-1] else None
            sink.write(Frame(pixels, tick * MS, number, duration=lasts))
        sink.end()
    (track,) = ffprobe(film, "v", "stream=duration")
    assert Fraction(track["duration"]) == duration(film) == (ticks[-1] + last) * MS


def test_part_ends_where_it_should_within_a_frame_that_stands(tmp_path: Path) -> None:
    film = record(tmp_path / "film.mp4", RECORDED, 5000)
    copy(film, tmp_path / "end.mp4", end=Fraction(3))
    assert duration(tmp_path / "end.mp4") == 3
    copy(film, tmp_path / "between.mp4", end=Fraction(1, 2))
    assert duration(tmp_path / "between.mp4") == Fraction(1, 2)


@pytest.mark.parametrize("last", [1, 10])
def test_last_duration_that_is_none_is_passed_over(last: int, tmp_path: Path) -> None:
    """Many writers do not know it; the last frame then lasts as long as one does on the average."""
    film = record(tmp_path / "film.mp4", [0, 40, 80, 120], last)
    with open_source(film) as source:
        assert [frame.duration for frame in source] == [None] * 4


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """Frames at 0, 10 and 20 s, the last one of 5 s."""
    return record(tmp_path / "slides.mp4", [0, 10_000, 20_000], 5000)


@pytest.mark.parametrize(
    ("start", "end", "times", "seconds"),
    [
        ("4", None, [0, 6, 16], 21),
        ("4", "12", [0, 6], 8),
        ("12", "15", [0], 3),
        ("22", None, [0], 3),
        ("9.5", "12", [0], 2),  # half a second of the first one is not worth a frame
    ],
)
@pytest.mark.parametrize("target", [".mp4", ".mkv"])
def test_part_begins_with_the_frame_that_stands_there(
    target: str, start: str, end: str | None, times: list[int], seconds: int, slides: Path, tmp_path: Path
) -> None:
    film = tmp_path / f"part{target}"
    assert copy(slides, film, start=Fraction(start), end=None if end is None else Fraction(end)) == times
    assert duration(film) == pytest.approx(seconds, abs=0.002)


def test_few_reordered_pictures_begin_before_late_sound(tmp_path: Path) -> None:
    """Matroska has no decoding times, and FFmpeg takes the start of the sound, 4.98 s, for that of the pictures."""
    words = "-f lavfi -i color=gray:s=64x48:r=1/2:d=6 -itsoffset 5 -f lavfi -i sine=d=1 -c:v libx264 -c:a aac"
    subprocess.run(["ffmpeg", "-v", "error", *words.split(), str(tmp_path / "film.mkv")], check=True)
    assert copy(tmp_path / "film.mkv", tmp_path / "out.mkv") == [0, 2, 4]
    (heard, *_) = ffprobe(tmp_path / "out.mkv", "a", "packet=pts_time")
    assert float(heard["pts_time"]) == pytest.approx(5, abs=0.03)


def test_reordered_pictures_in_avi_stay_with_the_sound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """AVI has no presentation times; FFmpeg's guesses go back. Joined, for one of its clocks jumps."""
    caplog.set_level(logging.WARNING)
    film = tmp_path / "film.avi"
    film.write_bytes(part(tmp_path / "a.avi", *H264, "-bf", "3", "-c:a", "pcm_s16le") * 2)
    times = copy(film, tmp_path / "out.mkv")
    assert times == [Fraction(number, 25) for number in range(100)]
    assert np.allclose(flashes(tmp_path / "out.mkv"), beeps(tmp_path / "out.mkv"), atol=0.041)
    assert not [record for record in caplog.records if "went back" in record.getMessage()]
    copy(film, tmp_path / "part.mkv", start=Fraction(5, 2))
    assert np.allclose(flashes(tmp_path / "part.mkv"), beeps(tmp_path / "part.mkv"), atol=0.041)


def test_empty_packets_of_theora_repeat_a_picture(tmp_path: Path) -> None:
    """Its encoder leaves pictures out that are like the one before: they are no damage."""
    words = "-f lavfi -i testsrc2=s=64x48:r=25:d=2 -c:v libtheora"
    subprocess.run(["ffmpeg", "-v", "error", *words.split(), str(tmp_path / "film.ogv")], check=True)
    with av.open(str(tmp_path / "film.ogv")) as film:
        assert any(packet.dts is not None and not packet.size for packet in film.demux(video=0))
    with open_source(tmp_path / "film.ogv") as source:
        assert [frame.time for frame in source] == [Fraction(number, 25) for number in range(50)]
        assert (source.damaged, source.filled) == (0, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["asf", "nut", "wtv"])
def test_reordered_pictures_stay_with_the_sound(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Formats that lack one of the two times: what FFmpeg puts in its place goes back."""
    caplog.set_level(logging.WARNING)
    film = tmp_path / f"film.{kind}"
    film.write_bytes(part(film, *H264, "-bf", "3", "-c:a", "mp2"))
    times = copy(film, tmp_path / "out.mkv")
    assert np.allclose(np.diff([float(time) for time in times]), 0.04, atol=0.002)
    assert len(times) == 50
    assert np.allclose(flashes(tmp_path / "out.mkv"), beeps(tmp_path / "out.mkv"), atol=0.041)
    assert not caplog.records
