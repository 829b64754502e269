"""What the library lists, names and deletes."""

import json
import os
import re
import stat
import time
from pathlib import Path

import pytest

from livedream.studio.library.entries import Facts
from livedream.studio.library.errors import UnknownThingError
from livedream.studio.library.files import Files, presentable_name
from tests.conftest import write_clip
from tests.studio.library.parts import all_below, picture, upload

TIME = "20261127-220101"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "studio")


def test_the_folders_are_private(files: Files) -> None:
    for name in ("snapshots", "recordings", "uploads", "dreams"):
        assert stat.S_IMODE((files.folder / name).stat().st_mode) == 0o700


def test_snapshots_and_recordings_of_the_recorder(files: Files) -> None:
    picture(files.folder / "snapshots" / f"livedream-{TIME}.png", (96, 54))
    write_clip(files.folder / "recordings" / f"livedream-{TIME}-2.mp4", frames=20)
    found = {entry.id: entry for entry in files.list()}
    assert set(found) == {f"snapshot-{TIME}", f"recording-{TIME}-2"}
    still, film = found[f"snapshot-{TIME}"], found[f"recording-{TIME}-2"]
    assert (still.name, still.kind, still.type) == (f"livedream-{TIME}.png", "snapshot", "image/png")
    assert (still.width, still.height, still.seconds) == (96, 54, None)
    assert (film.kind, film.type, film.width, film.height, film.seconds) == ("recording", "video/mp4", 64, 48, 2.0)
    path = files.folder / "recordings" / f"livedream-{TIME}-2.mp4"
    assert (film.bytes, film.made) == (path.stat().st_size, path.stat().st_mtime)
    assert files.entry_at(path) == film
    assert files.entry_at(files.folder / "recordings" / "other.mp4") is None


def test_the_newest_comes_first(files: Files) -> None:
    for second in (1, 3, 2):
        path = picture(files.folder / "snapshots" / f"livedream-2026112{second}-000000.png")
        os.utime(path, (second, second))
    assert [entry.made for entry in files.list()] == [3, 2, 1]


def test_only_finished_files_of_ours_are_listed(files: Files, tmp_path: Path) -> None:
    snapshots, recordings = files.folder / "snapshots", files.folder / "recordings"
    for name in (
        f"livedream-{TIME}.part.png",
        f".livedream-{TIME}.png",
        f"livedream-{TIME}.html",
        "holiday.png",
        "upload-0123456789ab.png",
    ):
        (snapshots / name).write_bytes(b"x")
    write_clip(recordings / f"livedream-{TIME}.part.mp4")
    (recordings / f"livedream-{TIME}.part.lock").write_text("{}")
    (snapshots / "livedream-20200101-000000.png").symlink_to(picture(tmp_path / "secret.png"))
    (snapshots / "livedream-20200102-000000.png").mkdir()
    assert files.list() == []


@pytest.mark.parametrize("id", ["", "..", "../secret", "snapshot-../../secret", f"livedream-{TIME}.png", "/etc/passwd"])
def test_an_id_never_touches_the_disk(files: Files, id: str) -> None:
    picture(files.folder / "snapshots" / f"livedream-{TIME}.png")
    with pytest.raises(UnknownThingError):
        files.find(id)
    with pytest.raises(UnknownThingError):
        files.delete(id)
    assert len(files.list()) == 1


def test_ids_fit_into_addresses(files: Files, tmp_path: Path) -> None:
    picture(files.folder / "snapshots" / f"livedream-{TIME}-999.png")
    upload(files, picture(tmp_path / "a.png"))
    assert all(re.fullmatch(r"[a-z0-9-]{1,64}", entry.id) for entry in files.list())


def test_deleting_removes_exactly_that_file(files: Files, tmp_path: Path) -> None:
    told = []
    files.on_change = lambda: told.append(1)
    first, second = (upload(files, picture(tmp_path / name)) for name in ("a.png", "b.png"))
    assert len(told) == 2
    before = all_below(files.folder)
    files.delete(first.id)
    assert len(told) == 3
    removed = set(before) - set(all_below(files.folder))
    assert removed == {f"uploads/{first.id}.png", f"uploads/{first.id}.json", f"previews/{first.id}.jpg"}
    assert [entry.id for entry in files.list()] == [second.id]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"name": 7}', b"\xff" * 100, b"[" * 100_000])
def test_a_damaged_sidecar_costs_the_name_only(files: Files, tmp_path: Path, damage: bytes) -> None:
    entry = upload(files, write_clip(tmp_path / "beach.mp4", frames=20))
    assert entry.name == "beach.mp4"
    (files.folder / "uploads" / f"{entry.id}.json").write_bytes(damage)
    for library in (files, Files(files.folder)):
        (found,) = library.list()
        assert found == entry.model_copy(update={"name": f"{entry.id}.mp4"})
        assert library.is_film(entry.id)


def test_a_sidecar_cannot_change_the_type(files: Files, tmp_path: Path) -> None:
    entry = upload(files, picture(tmp_path / "a.png"))
    sidecar = files.folder / "uploads" / f"{entry.id}.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "type": "text/html"}))
    assert Files(files.folder).find(entry.id)[0].type == "image/png"


def test_a_header_is_read_once_for_each_version(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def probe(path: Path, media_type: str) -> Facts:
        read.append(path.name)
        return Facts(type=media_type, film=False)

    monkeypatch.setattr("livedream.studio.library.files.probe", probe)
    path = picture(files.folder / "snapshots" / f"livedream-{TIME}.png")
    for _ in range(3):
        files.list()
    assert len(read) == 1
    picture(path, (96, 54))
    files.list()
    assert len(read) == 2


def test_a_damaged_film_is_listed_without_a_size(files: Files) -> None:
    (files.folder / "recordings" / f"livedream-{TIME}.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 100)
    (entry,) = files.list()
    assert (entry.width, entry.height, entry.seconds) == (None, None, None)


def test_what_a_killed_process_left_is_removed_after_an_hour(files: Files, tmp_path: Path) -> None:
    entry = upload(files, picture(tmp_path / "a.png"))
    kept = all_below(files.folder)
    left = ["uploads/incoming-0123456789ab.part", "uploads/upload-0123456789ab.json", "previews/dream-0123456789ab.jpg"]
    left += ["uploads/.upload-0123456789ab.json.01234567", "uploads/incoming-0123456789ab.part.mp4"]
    foreign = ["uploads/notes.json", "uploads/.hidden", "previews/cat.jpg"]
    for name in (*left, *foreign):
        (files.folder / name).write_bytes(b"x")
    assert all_below(Files(files.folder).folder) == sorted([*kept, *left, *foreign])
    long_ago = time.time() - 7200
    for name in all_below(files.folder):
        os.utime(files.folder / name, (long_ago, long_ago))
    again = Files(files.folder)
    assert all_below(files.folder) == sorted([*kept, *foreign])
    assert again.find(entry.id)[0].name == "a.png"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("beach.mp4", "beach.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\beach.mp4", "beach.mp4"),
        ("a\n\x1b[2J\u202eb.png", "a__[2J_b.png"),
        ("..", "file"),
        ("Ferien am Meer ßé.jpg", "Ferien am Meer ßé.jpg"),
    ],
)
def test_names_for_people(name: str, shown: str) -> None:
    assert presentable_name(name) == shown


def test_a_long_name_keeps_its_end() -> None:
    name = presentable_name("é" * 300 + ".mp4")
    assert name.endswith(".mp4")
    assert len(name.encode()) <= 200
