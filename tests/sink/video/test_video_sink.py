"""Videos that were written, checked with ffprobe and PyAV."""

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.demo import demo_clip
from livedream.capture.video import VideoSource
from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo
from tests.films import UPRIGHT, av, corners, ffprobe, quarters, read_film, write_film

MS = Fraction(1, 1000)


def frame(tick: int, time_base: Fraction = MS, size: tuple[int, int] = (64, 48)) -> Frame:
    return Frame(quarters(size), tick * time_base, 0)


def write(path: Path, ticks: list[int], info: StreamInfo | None = None, size: tuple[int, int] = (64, 48)) -> Path:
    info = info or StreamInfo(rate=Fraction(25), time_base=MS)
    with VideoSink(path, info) as sink:
        for tick in ticks:
            sink.write(frame(tick, info.time_base, size))
        sink.end()
    return path


def copy(source_path: Path, path: Path, frames: int | None = None) -> None:
    """Carry a film over, all of it or, without an end, its first `frames`."""
    with VideoSource(source_path) as source, VideoSink(path, StreamInfo.of(source)) as sink:
        for index, picture in enumerate(source):
            if index == frames:
                return
            sink.write(picture)
        sink.end()


def times(path: Path) -> list[Fraction]:
    return [time for time, _ in read_film(path)]


def audio(path: Path) -> list[tuple[int, int | None, int | None, int | None, bytes]]:
    """Every packet of sound: its track, times and content."""
    with av.open(str(path)) as film:
        tracks = film.streams.audio
        packets = [packet for packet in film.demux(tracks) if packet.size]
        return [(p.stream.index - tracks[0].index, p.pts, p.dts, p.duration, bytes(p)) for p in packets]


# Time ----------------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
def test_the_demo_clip_keeps_its_frames_and_its_sound(tmp_path: Path) -> None:
    """ffprobe of the clip: 132 frames, 25 a second, 5.28 s, 249 packets of AAC."""
    film = tmp_path / "film.mp4"
    copy(demo_clip, film)
    (video,) = ffprobe(film, "v", "stream=width,height,nb_frames,avg_frame_rate,duration,start_pts")
    assert (video["width"], video["height"], video["nb_frames"]) == (1280, 720, "132")
    assert (video["avg_frame_rate"], video["duration"], video["start_pts"]) == ("25/1", "5.280000", 0)
    assert times(film)[:3] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert len(audio(film)) == 249
    assert audio(film) == audio(demo_clip)


@pytest.mark.needs_ffmpeg
def test_the_rate_of_ntsc_is_exact(tmp_path: Path) -> None:
    info = StreamInfo(rate=Fraction(30000, 1001), time_base=Fraction(1, 30000))
    film = write(tmp_path / "film.mp4", [1001 * n for n in range(40)], info)
    assert times(film) == [Fraction(1001 * n, 30000) for n in range(40)]
    (video,) = ffprobe(film, "v", "stream=avg_frame_rate,duration_ts,time_base")
    assert video["avg_frame_rate"] == "30000/1001"
    assert video["duration_ts"] * Fraction(video["time_base"]) == Fraction(40 * 1001, 30000)  # the last one as long


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
def test_variable_rate_keeps_every_time(name: str, live: bool, tmp_path: Path) -> None:
    ticks = [0, 33, 66, 133, 500, 501, 1500]
    film = write(tmp_path / name, ticks, StreamInfo(time_base=MS, live=live))
    assert times(film) == [tick * MS for tick in ticks]


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
def test_last_frame_lasts_as_long_as_the_rate_says(name: str, live: bool, tmp_path: Path) -> None:
    film = write(tmp_path / name, [0, 33, 500], StreamInfo(rate=Fraction(25), time_base=MS, live=live))
    assert ffprobe(film, "v", "stream=duration") == [{"duration": "0.540000"}]


def test_times_that_repeat_or_go_back_increase(tmp_path: Path) -> None:
    assert times(write(tmp_path / "film.mp4", [0, 40, 40, 20, 120])) == [0, 40 * MS, 41 * MS, 42 * MS, 120 * MS]


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    assert times(write(tmp_path / "film.mp4", [0])) == [0]


@pytest.mark.parametrize("live", [False, True])
def test_key_frame_every_second_whatever_the_rate(live: bool, tmp_path: Path) -> None:
    film = write(
        tmp_path / "film.mp4", list(range(0, 9000, 250)), StreamInfo(rate=Fraction(25), time_base=MS, live=live)
    )
    with av.open(str(film)) as container:
        keys = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.is_keyframe]
    assert keys == list(range(9))


# Picture -------------------------------------------------------------------------------------------------------------


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
def test_colours_are_tagged_and_read_back(name: str, tmp_path: Path) -> None:
    film = write(tmp_path / name, list(range(0, 400, 40)))
    (video,) = ffprobe(film, "v", "stream=pix_fmt,color_range,color_space,color_transfer,color_primaries")
    assert video == {"pix_fmt": "yuv420p", "color_range": "tv"} | dict.fromkeys(
        ("color_space", "color_transfer", "color_primaries"), "bt709"
    )
    for _, pixels in read_film(film):
        assert np.abs(pixels.astype(int) - quarters())[6:14, 8:20].max() <= 4
        assert corners(pixels) == UPRIGHT


@pytest.mark.parametrize("color", [(198, 59, 29), (0, 0, 0), (255, 255, 255), (10, 200, 100), (255, 0, 255)])
def test_flat_colours_are_read_back_within_two_levels(color: tuple[int, int, int], tmp_path: Path) -> None:
    with VideoSink(tmp_path / "film.mp4") as sink:
        sink.write(Frame(np.full((48, 64, 3), color, np.uint8), Fraction(0), 0))
    ((_, pixels),) = read_film(tmp_path / "film.mp4")
    assert np.abs(pixels.astype(int) - color).max() <= 2


@pytest.mark.parametrize(("size", "even"), [((63, 47), (64, 48)), ((1, 1), (2, 2)), ((65, 48), (66, 48))])
def test_odd_sizes_get_a_copy_of_their_edge(size: tuple[int, int], even: tuple[int, int], tmp_path: Path) -> None:
    ((_, pixels),) = read_film(write(tmp_path / "film.mp4", [0], size=size))
    assert (pixels.shape[1], pixels.shape[0]) == even
    edge = pixels[:, -1].astype(int) - pixels[:, -2] if size[0] % 2 else pixels[-1].astype(int) - pixels[-2]
    assert np.abs(edge).max() <= 12


@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("name", ["film.mp4", "film.mov", "film.mkv"])
def test_the_pixel_aspect_ratio_is_written(name: str, tmp_path: Path) -> None:
    film = write(tmp_path / name, [0, 40], StreamInfo(pixel_aspect=Fraction(128, 117), time_base=MS), size=(176, 144))
    assert ffprobe(film, "v", "stream=sample_aspect_ratio") == [{"sample_aspect_ratio": "128:117"}]


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with VideoSink(path) as sink:
        sink.write(frame(0))
        with pytest.raises(SinkError, match="holds frames of 64x48, got 32x24"):
            sink.write(frame(40, size=(32, 24)))
    assert len(read_film(path)) == 1


def test_still_images_of_other_sizes_are_letterboxed(tmp_path: Path) -> None:
    """An upright one of half the width keeps its shape: 16 columns of black on both sides of 32."""
    path = tmp_path / "film.mp4"
    with VideoSink(path, StreamInfo(stills=True)) as sink:
        for index, size in enumerate([(64, 48), (32, 48)]):
            sink.write(Frame(np.full((size[1], size[0], 3), 200, np.uint8), Fraction(index, 25), index))
    first, second = (pixels[24, :, 0] for _, pixels in read_film(path))
    assert (np.flatnonzero(first > 100)[[0, -1]] == [0, 63]).all()
    assert (np.flatnonzero(second > 100)[[0, -1]] == [16, 47]).all()


# Sound ---------------------------------------------------------------------------------------------------------------


def test_all_of_the_sound_is_carried_even_if_it_is_longer(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", list(range(0, 1000, 40)), sound="aac", sound_seconds=3)
    copy(film, tmp_path / "out.mp4")
    assert audio(tmp_path / "out.mp4") == audio(film)


def test_the_sound_ends_with_the_picture_of_an_interrupted_run(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", list(range(0, 3000, 40)), sound="aac", sound_seconds=3)
    copy(film, tmp_path / "out.mp4", frames=25)
    assert len(times(tmp_path / "out.mp4")) == 25
    heard = audio(tmp_path / "out.mp4")
    assert heard == audio(film)[: len(heard)]
    assert 1 <= heard[-1][1] / 48000 + 1024 / 48000 < 1.05  # one second of pictures


def test_sound_is_written_between_the_pictures(tmp_path: Path) -> None:
    """A player that reads from the front needs both. Fragments hold two seconds of one, then two of the other."""
    film = write_film(tmp_path / "film.mp4", list(range(0, 8000, 40)), sound="aac", sound_seconds=8)
    copy(film, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [(p.pos, p.stream_index, float(p.dts * p.time_base)) for p in container.demux() if p.size]
    last = {0: 0.0, 1: 0.0}
    for _, track, seconds in sorted(packets):
        last[track] = seconds
        assert abs(last[0] - last[1]) < 2.5


def test_sound_reaches_the_disk_with_the_pictures_and_not_at_the_end(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", list(range(0, 8000, 40)), sound="aac", sound_seconds=8)
    with VideoSource(film) as source, VideoSink(tmp_path / "out.mp4", StreamInfo.of(source)) as sink:
        for picture in source:
            sink.write(picture)
        heard = audio(tmp_path / "out.part.mp4")  # as if the process were killed now
    assert heard[-1][1] > 3 * 48000  # x264 holds two seconds, an open fragment two more
    assert heard == audio(film)[: len(heard)]


def test_every_sound_track_is_carried(tmp_path: Path) -> None:
    one = write_film(tmp_path / "one.mp4", list(range(0, 1000, 40)), sound="aac")
    with av.open(str(one)) as source, av.open(str(tmp_path / "two.mp4"), "w") as film:
        video = film.add_stream_from_template(source.streams.video[0])
        tracks = [film.add_stream_from_template(source.streams.audio[0]) for _ in range(2)]
        for packet in list(source.demux()):
            if packet.size:
                content, stream = bytes(packet), packet.stream
                for target in [video] if stream.type == "video" else tracks:
                    twin = av.Packet(content)
                    twin.pts, twin.dts, twin.duration = packet.pts, packet.dts, packet.duration
                    twin.time_base, twin.is_keyframe, twin.stream = packet.time_base, packet.is_keyframe, target
                    film.mux(twin)
    copy(tmp_path / "two.mp4", tmp_path / "out.mp4")
    assert {track for track, *_ in audio(tmp_path / "out.mp4")} == {0, 1}
    assert sorted(audio(tmp_path / "out.mp4")) == sorted(audio(tmp_path / "two.mp4"))


def test_sound_that_the_container_cannot_hold_is_encoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    film = write_film(
        tmp_path / "film.avi", list(range(40)), time_base=Fraction(1, 25), codec="mpeg4", sound="adpcm_ima_wav"
    )
    with caplog.at_level(logging.WARNING):
        copy(film, tmp_path / "out.mp4")
    assert "the sound (adpcm_ima_wav) is encoded as AAC, as" in caplog.text
    with av.open(str(tmp_path / "out.mp4")) as container:
        track = container.streams.audio[0]
        assert track.codec_context.name == "aac"
        seconds = float(track.duration * track.time_base)
        assert seconds == pytest.approx(1.0, abs=0.03)  # nothing is left in the encoder
        levels = [np.abs(samples.to_ndarray()).max() for samples in container.decode(audio=0)]
    assert max(levels) > 0.05  # it is the tone, and not silence


def test_picture_and_sound_of_a_broadcast_begin_at_zero_together(tmp_path: Path) -> None:
    ticks = [3600 * n for n in range(25)]
    options = {"output_ts_offset": "1000"}
    film = write_film(tmp_path / "film.ts", ticks, time_base=Fraction(1, 90000), sound="aac", options=options)
    with av.open(str(film)) as container:
        video, track = container.streams.video[0], container.streams.audio[0]
        apart = video.start_time * video.time_base - track.start_time * track.time_base
    copy(film, tmp_path / "out.mp4")
    first_sound = audio(tmp_path / "out.mp4")[0][1]
    assert 0 <= times(tmp_path / "out.mp4")[0] < Fraction(1, 5)
    assert first_sound is not None
    assert times(tmp_path / "out.mp4")[0] - Fraction(first_sound, 48000) == pytest.approx(float(apart), abs=0.001)


def test_a_missing_sound_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"the sound of .*absent\.mp4 cannot be read"):
        VideoSink(tmp_path / "out.mp4", StreamInfo(sound=tmp_path / "absent.mp4"))
    assert list(tmp_path.iterdir()) == []


# The file and its name -----------------------------------------------------------------------------------------------


def test_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "film.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"film.part.mp4", "film.part.lock"}
    sink.write(frame(0))
    assert {path.name for path in tmp_path.iterdir()} == {"film.part.mp4", "film.part.lock"}
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_complete_video_is_an_ordinary_mp4(tmp_path: Path) -> None:
    """ISO/IEC 14496-12: a box is four bytes of length and four of name."""
    content = write(tmp_path / "film.mp4", list(range(0, 6000, 40))).read_bytes()
    names, place = [], 0
    while place < len(content):
        names.append(content[place + 4 : place + 8])
        place += int.from_bytes(content[place : place + 4], "big")
    assert names == [b"ftyp", b"free", b"mdat", b"moov"]


def test_what_was_written_before_an_error_is_a_valid_video(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), VideoSink(tmp_path / "film.mp4") as sink:
        for tick in range(0, 400, 40):
            sink.write(frame(tick))
        raise KeyboardInterrupt
    assert len(read_film(tmp_path / "film.mp4")) == 10


@pytest.mark.parametrize(("write_fails", "error"), [(True, "first"), (False, "second")])
def test_close_raises_its_own_error_but_hides_no_other(write_fails: bool, error: str, tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise OSError(28, "first")

    class Film:
        def close(self) -> None:
            film.close()
            raise OSError(5, "second")

    with pytest.raises(SinkError, match=f"{error} after 60 frames"), VideoSink(tmp_path / "film.mp4") as sink:
        for tick in range(0, 4800, 40):
            sink.write(frame(tick))
        sink.end()
        sink.count = 60
        film, sink._container = sink._container, Film()  # type: ignore[assignment]
        if write_fails:
            sink._mux = fail  # type: ignore[method-assign, assignment]
            sink.write(frame(4800))
    assert len(read_film(tmp_path / "film.mp4")) == 120


def test_part_of_another_run_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "film.part.mp4").write_text("all that is left")
    with pytest.raises(SinkError, match=r"film\.part\.mp4 exists already"):
        VideoSink(tmp_path / "film.mp4")
    assert (tmp_path / "film.part.mp4").read_text() == "all that is left"


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "film.mp4")
    sink.write(frame(0))
    (tmp_path / "film.mp4").write_text("precious")
    with pytest.raises(SinkError, match="exists already"):
        sink.close()
    assert (tmp_path / "film.mp4").read_text() == "precious"
    assert len(read_film(tmp_path / "film.part.mp4")) == 1


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        VideoSink(tmp_path / "film.avi")


def test_unusual_file_names_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a:b.mp4", "tränen-映画 %d \"'.mp4", "two.dots.mp4", "-x.mp4"):
        assert len(read_film(tmp_path / write(Path(name), [0, 40]))) == 2
    assert len(list(tmp_path.iterdir())) == 4


def test_an_interrupted_video_does_not_replace_a_complete_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "film.mp4"
    whole = write(path, list(range(0, 400, 40))).read_bytes()
    with pytest.raises(KeyboardInterrupt), VideoSink(path, overwrite=True) as sink:
        sink.write(frame(0))
        raise KeyboardInterrupt
    assert path.read_bytes() == whole
    assert len(read_film(tmp_path / "film.part.mp4")) == 1
    assert caplog.messages == [f"{path} is not complete; what was written is in {tmp_path / 'film.part.mp4'}"]
    with pytest.raises(KeyboardInterrupt), VideoSink(path, StreamInfo(live=True), overwrite=True) as sink:
        sink.write(frame(0))  # what is live ends so, and cannot be had again
        raise KeyboardInterrupt
    assert len(read_film(path)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]
