"""The lock of an output, between real processes."""

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livedream.errors import ArgumentError, SinkError
from livedream.sink.lock import OutputLock
from livedream.sink.lock_file import mark_of

HOLD = """
import sys
from pathlib import Path
from livedream.sink.lock import OutputLock
with OutputLock(Path(sys.argv[1]), folder=sys.argv[2] == "folder"):
    print("held", flush=True)
    sys.stdin.read()
"""
Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Start a process that holds the lock of an output until its standard input is closed."""
    with contextlib.ExitStack() as processes:

        def start(path: Path, kind: str = "file") -> "subprocess.Popen[str]":
            command = [sys.executable, "-c", HOLD, str(path), kind]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.callback(process.communicate, timeout=60)
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            return process

        yield start


def end(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=60)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_process_learns_at_once_who_holds_the_lock(hold: Hold, tmp_path: Path) -> None:
    process = hold(tmp_path / "out.mp4")
    with pytest.raises(SinkError) as caught:
        OutputLock(tmp_path / "out.mp4").acquire()
    assert f"{tmp_path / 'out.mp4'} is being written by another run: -c, process {process.pid}, since 20" in str(
        caught.value
    )
    assert caught.value.hint
    end(process)
    with OutputLock(tmp_path / "out.mp4"):
        assert names(tmp_path) == ["out.part.lock"]
    assert names(tmp_path) == []


def test_the_lock_of_a_dead_process_is_taken_over(hold: Hold, tmp_path: Path) -> None:
    process = hold(tmp_path / "out.mp4")
    process.kill()
    process.wait()
    assert names(tmp_path) == ["out.part.lock"]
    with OutputLock(tmp_path / "out.mp4"):
        assert json.loads((tmp_path / "out.part.lock").read_text())["pid"] == os.getpid()
    assert names(tmp_path) == []


@pytest.mark.parametrize("other", ["out.mkv", "out.part.mp4", "link/out.mp4", "link.mp4"])
def test_outputs_that_share_temporary_names_share_the_lock(other: str, hold: Hold, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "link.mp4").symlink_to("out.mp4")
    hold(tmp_path / "out.mp4")
    with pytest.raises(SinkError, match=r"another run"):
        OutputLock(tmp_path / other).acquire()


def test_a_folder_of_frames_has_one_lock_which_its_frames_respect(hold: Hold, tmp_path: Path) -> None:
    hold(tmp_path, "folder")
    for path, folder in ((tmp_path, True), (tmp_path / "000012.png", False)):
        with pytest.raises(SinkError, match=r"another run"):
            OutputLock(path, folder=folder).acquire()
    with OutputLock(tmp_path / "a.png"):
        pass


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("out%06d.png", "out%d.png", True),
        ("out%06d.png", "out000003.png", True),
        ("out%06d.png", "out.png", False),
        ("a%d.png", "b%d.png", False),
        ("film1.mp4", "film2.mp4", False),
    ],
)
def test_numbered_pictures_share_a_lock(one: str, other: str, shared: bool, hold: Hold, tmp_path: Path) -> None:
    with OutputLock(tmp_path / one) as lock:
        assert lock.collides(OutputLock(tmp_path / other)) is shared
    hold(tmp_path / one)
    with pytest.raises(SinkError, match="another run") if shared else contextlib.nullcontext():
        OutputLock(tmp_path / other).acquire().release()


def test_the_frames_of_a_folder_are_numbered_pictures(hold: Hold, tmp_path: Path) -> None:
    hold(tmp_path / "%06d.png")
    with pytest.raises(SinkError, match="another run"):
        OutputLock(tmp_path, folder=True).acquire()


def test_one_process_writes_each_name_once(tmp_path: Path) -> None:
    with OutputLock(tmp_path / "out.mp4"), OutputLock(tmp_path / "out.gif"):
        for name in ("out.mp4", "out.part.mp4"):
            with pytest.raises(ArgumentError, match="under the same name"):
                OutputLock(tmp_path / name).acquire()
    with OutputLock(tmp_path, folder=True):
        for path, folder in ((tmp_path / "000003.png", False), (tmp_path, True)):
            with pytest.raises(ArgumentError, match="under the same name"):
                OutputLock(path, folder=folder).acquire()
    assert names(tmp_path) == []


def test_the_lock_vouches_only_for_files_that_it_made(tmp_path: Path) -> None:
    part = tmp_path / "out.part.mp4"
    with OutputLock(tmp_path / "out.mp4") as lock:
        part.write_bytes(b"half a film")
        assert not lock.vouches(part)
        lock.note(part, mark_of(part))
        assert lock.vouches(part)
    assert names(tmp_path) == ["out.part.lock", "out.part.mp4"]  # a later run may ask
    with OutputLock(tmp_path / "out.mp4") as lock:
        assert lock.vouches(part)
        mine = tmp_path / "mine"
        mine.write_bytes(b"somebody's")
        mine.replace(part)
        assert not lock.vouches(part)
    assert names(tmp_path) == ["out.part.mp4"]


def test_a_file_with_the_number_of_a_removed_part_is_not_ours(tmp_path: Path) -> None:
    """ext4 gives it to the next file that is made."""
    part = tmp_path / "out.part.mp4"
    part.write_bytes(b"half a film")
    inode, born = mark_of(part)
    if not born:
        pytest.skip("this file system does not tell when a file was made")
    with OutputLock(tmp_path / "out.mp4") as lock:
        lock.note(part, (inode, born - 1))
        assert not lock.vouches(part)


@pytest.mark.parametrize("parts", ["[]", '{"out.part.mp4": 7}', '{"out.part.mp4": [[], {}]}', '{"out.part.mp4": null}'])
def test_an_invalid_lock_file_vouches_for_nothing(parts: str, tmp_path: Path) -> None:
    (tmp_path / "out.part.lock").write_text(f'{{"livedream": "1", "parts": {parts}}}')
    (tmp_path / "out.part.mp4").write_bytes(b"somebody's")
    with OutputLock(tmp_path / "out.mp4") as lock:
        assert not lock.vouches(tmp_path / "out.part.mp4")


def test_a_part_that_was_about_to_be_made_is_ours_while_it_is_empty(tmp_path: Path) -> None:
    """A process may be killed before it knows what it has made."""
    part = tmp_path / "out.part.mp4"
    with OutputLock(tmp_path / "out.mp4") as lock:
        lock.announce(part)
        part.touch()
        assert lock.vouches(part)
        part.write_bytes(b"somebody's")
        assert not lock.vouches(part)


def test_the_lock_file_is_readable_at_any_time(tmp_path: Path) -> None:
    """It gets no shorter, so that it is valid between two writes, and the time in it is that of the beginning."""
    with OutputLock(tmp_path / "out.mp4") as lock:
        before = json.loads(lock.file.read_bytes())
        lock.note(tmp_path / "a.part.png", (1, 123456))
        size = lock.file.stat().st_size
        lock.forget(tmp_path / "a.part.png")
        lock.note(tmp_path / "a", (1, 1))
        assert lock.file.stat().st_size == size
        after = json.loads(lock.file.read_bytes())
        assert after == {**before, "parts": {"a": [1, 1]}}


@pytest.mark.parametrize("content", ["precious", "{}", "[1]"])
def test_a_foreign_file_is_not_a_lock_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "out.part.lock").write_text(content)
    with pytest.raises(SinkError, match="is not a lock file of livedream"):
        OutputLock(tmp_path / "out.mp4").acquire()
    assert (tmp_path / "out.part.lock").read_text() == content


def test_an_old_empty_file_stays(tmp_path: Path) -> None:
    (tmp_path / "out.part.lock").touch()
    os.utime(tmp_path / "out.part.lock", (0, 0))
    with OutputLock(tmp_path / "out.mp4"):
        pass
    assert (tmp_path / "out.part.lock").read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="it always has locks")
def test_without_locks_of_the_system_the_owner_must_be_dead(
    hold: Hold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network disk without locks."""

    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    process = hold(tmp_path / "out.mp4")
    with pytest.raises(SinkError, match=f"process {process.pid}"):
        OutputLock(tmp_path / "out.mp4").acquire()
    process.kill()
    process.wait()
    with OutputLock(tmp_path / "out.mp4"):
        owner = json.loads((tmp_path / "out.part.lock").read_text())
    # Another process has the number of the dead one, or the lock is that of another machine.
    for changed, alive in (({"started": "1"}, False), ({"host": "elsewhere"}, True)):
        (tmp_path / "out.part.lock").write_text(json.dumps({**owner, **changed}))
        with contextlib.ExitStack() as stack:
            if alive:
                stack.enter_context(pytest.raises(SinkError, match="on elsewhere"))
            OutputLock(tmp_path / "out.mp4").acquire().release()
