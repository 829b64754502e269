"""Receiving: bounds, disk space, and nothing left behind."""

import stat
import threading
from pathlib import Path

import pytest

from livedream.studio.library import uploads as module
from livedream.studio.library.errors import BusyError, NoSpaceError, TooLargeError, UndecodableError
from livedream.studio.library.files import Files
from livedream.studio.library.uploads import KEPT_FREE, MOST_AT_ONCE, Uploads
from tests.studio.library.parts import all_below, free, picture, upload


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "studio")


def test_in_pieces_and_private(files: Files, tmp_path: Path) -> None:
    data = picture(tmp_path / "a.png", (640, 480)).read_bytes()
    with Uploads(files, free=free).begin("a.png", len(data)) as received:
        for place in range(0, len(data), 100):
            received.write(data[place : place + 100])
            assert files.list() == []
        entry = received.finish()
    path = files.find(entry.id)[1]
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all_below(files.folder) == [
        f"previews/{entry.id}.jpg",
        f"uploads/{entry.id}.json",
        f"uploads/{entry.id}.png",
    ]


def test_the_announced_length_is_refused_at_once(files: Files) -> None:
    with pytest.raises(TooLargeError, match="the file is too large") as caught:
        Uploads(files, most_bytes=1 << 20, free=free).begin("a.mp4", (1 << 20) + 1)
    assert caught.value.hint == "at most 1 MiB are accepted"
    assert all_below(files.folder) == []


def test_more_than_was_announced(files: Files) -> None:
    with (
        pytest.raises(TooLargeError),
        Uploads(files, most_bytes=1000, free=free).begin("a.mp4", 10) as received,
    ):
        received.write(b"x" * 1000)
        received.write(b"x")
    assert all_below(files.folder) == []


def test_a_gibibyte_stays_free(files: Files) -> None:
    rest = KEPT_FREE + 1000
    full = Uploads(files, free=lambda folder: rest)
    with pytest.raises(NoSpaceError, match="too little disk space"):
        full.begin("a.mp4", 1001)
    with pytest.raises(NoSpaceError), full.begin("a.mp4", 1000) as received:
        received.write(b"x" * 1000)
        rest -= 1000  # as the disk says after that
        received.write(b"x")
    assert all_below(files.folder) == []


def test_a_disk_that_is_full_all_the_same(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_json(path: Path, value: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livedream.studio.library.files.write_json", write_json)
    with pytest.raises(NoSpaceError, match="No space left on device"):
        upload(files, picture(tmp_path / "a.png"))
    assert all_below(files.folder) == []


def test_an_upload_that_is_given_up(files: Files) -> None:
    uploads = Uploads(files, free=free)
    for _ in range(MOST_AT_ONCE + 1):
        with uploads.begin("a.mp4") as received:
            received.write(b"x")
            assert len(all_below(files.folder)) == 1
    assert all_below(files.folder) == []


def test_a_few_at_once(files: Files, tmp_path: Path) -> None:
    uploads = Uploads(files, free=free)
    first = [uploads.begin("a.png") for _ in range(MOST_AT_ONCE)]
    with pytest.raises(BusyError):
        uploads.begin("a.png")
    first.pop().close()
    with uploads.begin("a.png") as received:
        received.write(picture(tmp_path / "a.png").read_bytes())
        received.finish()
    for other in first:
        other.close()
    assert len(files.list()) == 1


def test_a_name_is_only_shown(files: Files, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    names = ["../../../tmp/evil.png", "/etc/passwd", "a\0b.png", ".htaccess", "x" * 255]
    shown = [upload(files, path, name).name for name in names]
    assert shown[:4] == ["evil.png", "passwd.png", "a_b.png", ".htaccess.png"]
    assert {Path(name).parts[0] for name in all_below(files.folder)} == {"uploads", "previews"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "studio"]


def test_the_inspection_sees_the_suffix_that_the_file_keeps(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def inspect_file(path: Path, media_type: str, name: str) -> None:
        seen.append((path.suffix, media_type, name))
        raise UndecodableError("seen")

    monkeypatch.setattr(module, "inspect_file", inspect_file)
    with pytest.raises(UndecodableError):
        upload(files, picture(tmp_path / "a.png"), "a.mp4")
    assert seen == [(".png", "image/png", "a.mp4")]


def test_several_threads(files: Files, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    uploads = Uploads(files, free=free)

    def work(number: int) -> None:
        with uploads.begin(f"{number}.png") as received:
            received.write(path.read_bytes())
            received.finish()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(MOST_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.name for entry in files.list()) == ["0.png", "1.png", "2.png", "3.png"]
