"""What the inspection takes, and what it refuses: bombs, damage, text, and files that refer to other files."""

import contextlib
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.errors import LivedreamError
from livedream.studio.library import inspection
from livedream.studio.library.errors import UndecodableError
from livedream.studio.library.files import Files
from livedream.studio.library.inspector import inspect_file
from livedream.studio.library.media_types import HEAD, media_type
from livedream.studio.library.process import command, environment
from tests.conftest import write_clip
from tests.films import quarters, write_film
from tests.studio.library.parts import all_below, picture, upload

SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "studio")


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb(side: int) -> bytes:
    """A PNG whose header promises side x side pixels, all black, in a few kilobytes for each thousand lines."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    lines = b"".join(packer.compress(bytes(side + 1)) for _ in range(side // 50)) + packer.flush()
    chunks = png_chunk(b"IHDR", header), png_chunk(b"IDAT", lines), png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def element(id: bytes, content: bytes) -> bytes:
    """An element of Matroska (EBML), with its length in eight bytes."""
    return id + (len(content) | 1 << 56).to_bytes(8, "big") + content


def linked_mkv() -> bytes:
    """A Matroska file without frames of its own: it says that the next segment, by its UUID, is elsewhere."""
    head = element(b"\x1aE\xdf\xa3", element(b"\x42\x82", b"matroska"))
    about = element(b"\x2a\xd7\xb1", (10**6).to_bytes(4, "big")) + element(b"\x3e\xb9\x23", bytes(16))
    about += element(b"\x3e\x83\xbb", b"next.mkv")
    return head + element(b"\x18\x53\x80\x67", element(b"\x15\x49\xa9\x66", about))


def mov_with_reference(film: bytes, target: str) -> bytes:
    """`film`, an mp4, whose track says that its frames lie in the file `target`."""
    place = film.index(b"dref") - 4
    path = target.encode().ljust(64, b"\0")
    # An alias of the Macintosh: volume, name, levels of folders, and after them the path (type 2) and the end (-1).
    alias = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12) + b"\x09other.mp4".ljust(64, b"\0") + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16) + struct.pack(">hH", 2, len(path)) + path + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    old = struct.unpack_from(">I", film, place)[0]
    new = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    grown = bytearray(film)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        at = film.index(name) - 4
        size = struct.unpack_from(">I", grown, at)[0]
        struct.pack_into(">I", grown, at, size + len(new) - old)
    return bytes(grown[:place]) + new + bytes(grown[place + old :])


def zip_of(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bomb.bin", data)
    return buffer.getvalue()


# What is taken


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.gif", "image/gif"),
        ("a.tif", "image/tiff"),
    ],
)
def test_pictures(files: Files, tmp_path: Path, name: str, kind: str) -> None:
    entry = upload(files, picture(tmp_path / name, (640, 480)))
    assert (entry.kind, entry.name, entry.type) == ("upload", name, kind)
    assert (entry.width, entry.height, entry.seconds) == (640, 480, None)
    assert not files.is_film(entry.id)
    preview = files.preview(entry.id)
    assert preview is not None
    with Image.open(io.BytesIO(preview)) as small:
        assert (small.format, small.size) == ("JPEG", (320, 240))
        assert np.abs(np.asarray(small).mean((0, 1)) - (0, 128, 128)).max() < 5


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", "video/mp4"),
        ("a.mov", "video/quicktime"),
        ("a.mkv", "video/x-matroska"),
        ("a.avi", "video/x-msvideo"),
        ("a.ts", "video/mp2t"),
    ],
)
def test_films(files: Files, tmp_path: Path, name: str, kind: str) -> None:
    entry = upload(files, write_clip(tmp_path / name, frames=20))
    assert (entry.type, entry.width, entry.height) == (kind, 64, 48)
    assert entry.seconds == pytest.approx(2.0, abs=0.11)  # in some formats the last frame has no end
    assert files.is_film(entry.id)
    assert files.find(entry.id)[1].read_bytes() == (tmp_path / name).read_bytes()


def test_webm(files: Files, tmp_path: Path) -> None:
    assert upload(files, write_clip(tmp_path / "a.webm", codec="libvpx")).type == "video/webm"


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animations_are_films(files: Files, tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "blue", "lime")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=200)
    entry = upload(files, tmp_path / name)
    assert files.is_film(entry.id)
    assert entry.seconds == pytest.approx(0.6)


def test_the_preview_of_a_turned_film_is_upright(files: Files, tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mp4", [0, 40], rotation=(90, False, False), pixels=quarters((64, 48)))
    entry = upload(files, film)
    assert (entry.width, entry.height) == (48, 64)


def test_the_content_counts_and_not_the_name(files: Files, tmp_path: Path) -> None:
    picture(tmp_path / "a.png").rename(tmp_path / "a.html")
    entry = upload(files, tmp_path / "a.html")
    assert (entry.name, entry.type) == ("a.png", "image/png")  # a browser saves it under that name
    assert files.find(entry.id)[1].suffix == ".png"


# What is refused


def refused(files: Files, data: bytes, name: str) -> UndecodableError:
    before = all_below(files.folder)
    path = files.folder.parent / name
    path.write_bytes(data)
    with pytest.raises(UndecodableError) as caught:
        upload(files, path)
    assert all_below(files.folder) == before, "something is left behind"
    for text in (str(caught.value), caught.value.hint):
        assert str(files.folder) not in text
        assert "incoming" not in text
    return caught.value


def test_a_png_of_50000_by_50000_pixels(files: Files) -> None:
    error = refused(files, png_bomb(50_000), "bomb.png")
    assert "bomb.png has too many pixels" in str(error)


def test_a_picture_just_above_the_limit(files: Files) -> None:
    buffer = io.BytesIO()
    Image.new("L", (10_001, 5_000)).save(buffer, "png")
    assert "too many pixels: 10001x5000" in str(refused(files, buffer.getvalue(), "large.png"))


def test_a_film_with_large_frames(files: Files, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "a.avi", size=(4112, 64), frames=1, codec="mjpeg")
    assert "the frames are too large: 4112x64" in str(refused(files, film.read_bytes(), "wide.avi"))


def test_an_animation_with_large_frames(files: Files, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4100, 8), color) for color in ("red", "blue")]
    for suffix in (".gif", ".webp"):
        frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
        refused(files, (tmp_path / f"a{suffix}").read_bytes(), f"b{suffix}")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zip_of(bytes(10_000_000)), "bomb.zip"),
        (zip_of(bytes(10_000_000)), "bomb.mp4"),
        (b"hello\n" * 1000, "hello.mp4"),
        (b"<!doctype html><script>alert(1)</script>", "page.html"),
        (b"<!doctype html><script>alert(1)</script>", "page.png"),
        (SVG.encode(), "drawing.svg"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "list.m3u8"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "list.mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "list.mp4"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", "session.mp4"),
        (b"#!/bin/sh\n", "a.mp4"),
        (b"", "empty.mp4"),
        (b"\x89PNG\r\n\x1a\n", "head.png"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 1000, "head.mp4"),
        (b"\x1aE\xdf\xa3" + b"\0" * 1000, "head.mkv"),
        (b"OggS" + b"\0" * 1000, "head.ogg"),
        (linked_mkv(), "linked.mkv"),
        (b"%PDF-1.7\n", "a.pdf"),
        (b"8BPS" + b"\0" * 100, "a.psd"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_neither_picture_nor_film(files: Files, data: bytes, name: str) -> None:
    refused(files, data, name)


def test_a_film_without_its_end(files: Files, tmp_path: Path) -> None:
    for name, options in (("a.mp4", {}), ("a.mp4", {"movflags": "faststart"}), ("b.mkv", {}), ("c.avi", {})):
        film = write_film(tmp_path / name, list(range(0, 2000, 40)), options=options, codec="libx264").read_bytes()
        error = refused(files, film[: len(film) * 3 // 4], name)
        assert "cut off" in str(error)


def test_sound_alone(files: Files, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    sine = ["-f", "lavfi", "-i", "sine=duration=1"]
    subprocess.run(["ffmpeg", "-v", "error", *sine, str(film)], check=True)
    assert "no video track" in str(refused(files, film.read_bytes(), "a.mp4"))


def test_a_camera_raw_file(files: Files, tmp_path: Path) -> None:
    refused(files, picture(tmp_path / "a.tif").read_bytes(), "a.nef")


def test_a_film_whose_frames_are_in_another_file(files: Files, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4")
    shutil.copy(other, files.folder / "uploads" / "other.mp4")
    moved = tmp_path / "moved.mp4"
    # The index first: growing it moves no frame that its table of places names in this file.
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(other), "-c", "copy", str(moved)], check=True)
    data = mov_with_reference(moved.read_bytes(), "other.mp4")
    refused(files, data, "reference.mov")


def test_text_that_begins_like_a_film_is_not_read_as_a_playlist(files: Files) -> None:
    """A packet of a transport stream at the places that are looked at, and lines that FFmpeg takes for a session."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    port = server.getsockname()[1]
    text = f"G\nv=0\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\na=control:rtsp://127.0.0.1:{port}/\n".encode()
    data = bytearray(text.ljust(600, b"\n"))
    data[188] = data[376] = ord("G")
    assert media_type(bytes(data)) == ("video/mp2t", ".ts")
    with server:
        refused(files, bytes(data), "session.ts")
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_demuxer_that_the_first_bytes_do_not_promise(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "a.mkv")
    with pytest.raises(LivedreamError, match="is not the kind of film that it begins as"):
        inspection.inspect(film, "video/mp4")


# The process


def test_only_that_file_is_opened(tmp_path: Path) -> None:
    """As the kernel reports it: the process opens nothing in the folder of the file but the file."""
    film = write_clip(tmp_path / "a.mkv", audio=True)
    (tmp_path / "b.mkv").write_bytes(film.read_bytes())
    log = tmp_path / "opened.txt"
    words = command("livedream.studio.library.inspection", str(film), "video/x-matroska")
    program = (
        "import sys\n"
        f"log = open({str(log)!r}, 'w')\n"
        "def note(event, args):\n"
        "    if event in ('open', 'socket.connect', 'socket.bind', 'subprocess.Popen'):\n"
        "        print(event, args[0], file=log, flush=True)\n"
        "sys.addaudithook(note)\n"
        "from livedream.studio.library.inspection import inspect\n"
        "from pathlib import Path\n"
        f"inspect(Path({str(film)!r}), 'video/x-matroska')\n"
    )
    subprocess.run([words[0], "-c", program], check=True, env=environment())
    lines = log.read_text().splitlines()
    assert not [line for line in lines if line.startswith(("socket", "subprocess"))]
    ours = {line.partition(" ")[2] for line in lines if str(tmp_path) in line}
    assert ours <= {str(film)}


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_the_process_can_write_no_file_and_has_little_memory(tmp_path: Path) -> None:
    program = (
        "import resource\n"
        "from livedream.studio.library import inspection\n"
        "inspection.inspect = lambda path, kind: attack()\n"
        "def attack():\n"
        "    try:\n"
        "        bytearray(3 << 30)\n"
        "    except MemoryError:\n"
        "        pass\n"
        "    else:\n"
        "        raise SystemExit('memory')\n"
        f"    with open({str(tmp_path / 'file')!r}, 'wb', buffering=0) as file:\n"
        "        try:\n"
        "            file.write(b'x')\n"
        "        except OSError:\n"
        "            pass\n"
        "        else:\n"
        "            raise SystemExit('file')\n"
        "    assert resource.getrlimit(resource.RLIMIT_CPU) == (20, 20)\n"
        "    raise MemoryError\n"
        "raise SystemExit(inspection.main('x', 'image/png'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment(), check=False)
    assert done.stdout.startswith(b'{"message": "x needs too much memory"'), done


def child_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let the inspection run `body` in place of itself."""
    script = tmp_path / "child.py"
    script.write_text(body)
    monkeypatch.setattr(
        "livedream.studio.library.inspector.command", lambda module, *words: [sys.executable, str(script), *words]
    )


def test_a_decoder_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child_that(tmp_path, monkeypatch, "import os, signal\nos.close(1)\nsignal.pause()\n")
    with pytest.raises(UndecodableError, match=r"a\.png takes too long"):
        inspect_file(picture(tmp_path / "a.png"), "image/png", "a.png", seconds=1.0)


@pytest.mark.parametrize(
    "body",
    [
        "import os\nos.abort()\n",
        "print('no json')\n",
        "print('[]')\n",
        'print(\'{"facts": {"type": "image/png", "width": "?"}}\')\n',
        "while True: print('x' * 1000)\n",
    ],
)
def test_a_decoder_that_crashes_or_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    child_that(tmp_path, monkeypatch, body)
    with pytest.raises(UndecodableError, match=r"a\.png cannot be decoded"):
        inspect_file(picture(tmp_path / "a.png"), "image/png", "a.png", seconds=20.0)


def test_one_inspection_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes a file, and must find it gone at its beginning if another has ended."""
    mark = tmp_path / "mark"
    child_that(
        tmp_path,
        monkeypatch,
        f"import os, time\nfd = os.open({str(mark)!r}, os.O_CREAT | os.O_EXCL)\ntime.sleep(0.2)\n"
        f"os.unlink({str(mark)!r})\n"
        'print(\'{"message": "seen", "hint": ""}\')\n',
    )
    path = picture(tmp_path / "a.png")
    said: list[str] = []

    def inspect() -> None:
        with contextlib.suppress(UndecodableError):
            try:
                inspect_file(path, "image/png", "a.png")
            except UndecodableError as error:
                said.append(str(error))

    threads = [threading.Thread(target=inspect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["seen"] * 4


def test_heads_of_every_type_that_is_listed() -> None:
    assert media_type(b"") is None
    assert media_type(b"\0" * HEAD) is None
    assert media_type(os.urandom(3) + b"x" * HEAD) is None
    assert media_type(b"\0\0\0\x14ftypqt  ") == ("video/quicktime", ".mov")
    assert media_type(b"\0\0\0\x14ftypheic") == ("image/heic", ".heic")
    assert media_type(b"RIFF\0\0\0\0WAVE") is None
