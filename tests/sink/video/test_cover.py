"""Covers of mp4 films, by what ffprobe and ffmpeg find."""

import io
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from livedream.sink.video.cover import JPEG, PNG, add_cover
from tests.films import av, ffprobe
from tests.sink.video.test_passthrough import make

pytestmark = pytest.mark.needs_ffmpeg


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("tags", ["-metadata title=Film", "-fflags +bitexact -map_metadata -1"])
@pytest.mark.parametrize(("kind", "number", "codec"), [("jpeg", JPEG, "mjpeg"), ("png", PNG, "png")])
def test_ffprobe_finds_the_cover_and_the_film(kind: str, number: int, codec: str, tags: str, tmp_path: Path) -> None:
    make(tmp_path, f"-f lavfi -i testsrc2=size=64x48:rate=25:d=1 -c:v libx264 {tags} film.mp4")
    film = tmp_path / "film.mp4"
    before = packets(film)
    assert add_cover(film, picture(kind), number)
    said = ffprobe(film, "v", "stream=codec_name,nb_frames:stream_disposition=attached_pic")
    assert [(track["codec_name"], track["disposition"]["attached_pic"]) for track in said] == [("h264", 0), (codec, 1)]
    assert packets(film) == before
    with av.open(str(film)) as container:
        (cover,) = [bytes(packet) for packet in container.demux(container.streams[1]) if packet.size]
        assert container.metadata.get("title") == ("Film" if "title" in tags else None)
    assert cover == picture(kind)
    subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", str(film), "-f", "null", "-"], check=True)


def test_an_index_at_the_beginning_is_left_alone(tmp_path: Path) -> None:
    """Whatever is put before the pictures moves them."""
    make(tmp_path, "-f lavfi -i testsrc2=size=64x48:rate=25:d=1 -c:v libx264 -movflags +faststart film.mp4")
    before = (tmp_path / "film.mp4").read_bytes()
    assert not add_cover(tmp_path / "film.mp4", picture("jpeg"), JPEG)
    assert (tmp_path / "film.mp4").read_bytes() == before


def test_a_disk_that_fills_leaves_the_film_as_it_was(tmp_path: Path) -> None:
    """In a process of its own that may write no file larger than the film and half the cover."""
    make(tmp_path, "-f lavfi -i testsrc2=size=64x48:rate=25:d=1 -c:v libx264 film.mp4")
    before = (tmp_path / "film.mp4").read_bytes()
    program = f"""
        import resource, signal
        from pathlib import Path
        from livedream.sink.video.cover import JPEG, add_cover
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 2000}, {len(before) + 2000}))
        try:
            add_cover(Path("film.mp4"), bytes(4000), JPEG)
        except OSError:
            print("full")
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "full\n"
    assert (tmp_path / "film.mp4").read_bytes() == before


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(film.streams[0]) if packet.size]
