"""Films of which a part means nothing to this FFmpeg: text that is not UTF-8, a codec without a decoder."""

import av
import pytest
from av.sidedata.sidedata import Type
from PIL import Image

from livedream.capture.decoding.container import open_video
from livedream.capture.decoding.side_data import side_data
from livedream.capture.video import VideoSource
from livedream.errors import SourceError
from livedream.sink.open import open_sink
from livedream.stream_info import StreamInfo
from tests.conftest import count_frames
from tests.films import write_film

MARK = "TITLETITLE"


def write_marked(path, *, track=False):
    """Write an AVI whose title, or that of its picture track, is MARK."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        (stream if track else film).metadata["title"] = MARK
        for _ in range(5):
            film.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        film.mux(stream.encode())
    return path


@pytest.mark.parametrize("track", [False, True])
def test_a_title_in_latin_1(track, tmp_path):
    """ "Caf\\xe9" in Latin-1: the film is read whole, and the odd byte becomes U+FFFD in what is written."""
    path = write_marked(tmp_path / "old.avi", track=track)
    content = path.read_bytes()
    assert content.count(MARK.encode()) == 1
    path.write_bytes(content.replace(MARK.encode(), b"Caf\xe9\0\0\0\0\0\0"))
    with VideoSource(path) as source, open_sink(tmp_path / "new.mkv", StreamInfo.of(source)) as sink:
        for frame in source:
            sink.write(frame)
        sink.end()
    assert count_frames(tmp_path / "new.mkv") == 5
    if not track:
        with open_video(tmp_path / "new.mkv") as film:
            assert {name.lower(): text for name, text in film.metadata.items()}["title"].startswith("Caf\ufffd")


def test_a_codec_without_a_decoder(tmp_path):
    path = write_film(tmp_path / "raw.mov", [0, 40, 80])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"avc1" + bytes(7) + b"\1", b"brvn" + bytes(7) + b"\1"))
    with pytest.raises(SourceError, match=r"raw\.mov: no decoder for its video track \(brvn\)"):
        VideoSource(path)


def test_side_data_that_pyav_does_not_know(tmp_path):
    """FFmpeg 8 attaches EXIF, kind 31, to the picture of a TIFF, and PyAV 18 knows the kinds up to 27."""
    Image.new("RGB", (64, 48), (200, 40, 30)).save(tmp_path / "photo.tif")
    with av.open(str(tmp_path / "photo.tif")) as film:
        (picture,) = film.decode(video=0)
        assert side_data(picture, Type.DISPLAYMATRIX) is None
