"""Jobs in real worker processes: they end, stop, resume, survive a restart and a kill, and are deleted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.presets import parse_preset
from livedream.settings import DreamSettings
from livedream.studio.library.entries import FileEntry
from livedream.studio.library.errors import BusyError, NoSpaceError, UnknownThingError, WrongStateError
from livedream.studio.library.files import Files
from livedream.studio.library.job_record import Job
from livedream.studio.library.jobs import MOST, Jobs, worker_command
from tests.conftest import count_frames, write_clip
from tests.films import ffprobe, read_film
from tests.studio.library.parts import DEADLINE, SMALL, all_below, free, picture, upload, wait_until

FRAMES = 100


class Studio:
    """The library of a studio that is closed and opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed = threading.Event()
        self.files = Files(folder / "studio")
        self.jobs = self.open()

    def open(self, **more: object) -> Jobs:
        self.jobs = Jobs(self.files, self.folder / "studio" / "jobs", self.changed.set, free=free, **more)  # type: ignore[arg-type]
        self.jobs.begin()
        return self.jobs

    def await_state(self, id: str, *states: str) -> Job:
        def is_so() -> bool:
            job = self.jobs.find(id)
            assert job.state in (*states, "waiting", "running"), job
            return job.state in states

        wait_until(is_so, self.changed)
        return self.jobs.find(id)

    def await_frames(self, id: str, share: float = 0.0) -> None:
        """Wait until a part of the film is dreamt."""

        def is_so() -> bool:
            job = self.jobs.find(id)
            assert job.state in ("waiting", "running"), job
            return "frames" in job.text and (job.share or 0.0) > share

        wait_until(is_so)

    def worker(self) -> int:
        """The process id of the worker."""
        wait_until(lambda: self.jobs._run is not None)
        assert self.jobs._run is not None
        return self.jobs._run._process.pid


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    yield studio
    studio.jobs.close()


def write_film(folder: Path, frames: int = FRAMES) -> Path:
    return write_clip(folder / "beach.mp4", frames=frames, rate=10, audio=True, size=(160, 120))


def film(studio: Studio, frames: int = FRAMES) -> FileEntry:
    return upload(studio.files, write_film(studio.folder, frames))


def slow(settings: DreamSettings = SMALL) -> DreamSettings:
    """Settings with which a frame takes a few hundredths of a second."""
    return settings.replace(working_height=128, steps=4)


# A job that ends


@pytest.fixture(scope="module")
def dreamt(tmp_path_factory: pytest.TempPathFactory) -> "Dreamt":
    """A library in which three jobs have ended: a film with sound, a picture, and an animation."""
    studio = Studio(tmp_path_factory.mktemp("dreamt"))
    try:
        return dream_three(studio)
    finally:
        studio.jobs.close()


def dream_three(studio: Studio) -> "Dreamt":
    uploads = [film(studio, 20), upload(studio.files, picture(studio.folder / "a.jpg", (120, 80)))]
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "blue", "lime")]
    frames[0].save(studio.folder / "a.gif", save_all=True, append_images=frames[1:], duration=200)
    uploads.append(upload(studio.files, studio.folder / "a.gif"))
    added = [studio.jobs.add(each.id, look, SMALL) for each, look in zip(uploads, ("neon", "own", "own"), strict=True)]
    seen: list[list[str]] = []

    def is_so() -> bool:
        seen.append([job.state for job in studio.jobs.list()])
        return seen[-1] == ["done"] * 3

    wait_until(is_so)
    return Dreamt(studio.folder, uploads, added, studio.jobs.list(), seen)


class Dreamt(NamedTuple):
    folder: Path
    uploads: list[FileEntry]
    added: list[Job]
    """As they were when they were asked for."""
    done: list[Job]
    seen: list[list[str]]
    """The states of all jobs, from time to time."""


@pytest.fixture
def after(dreamt: Dreamt, tmp_path: Path) -> Iterator[Studio]:
    """Another studio in a copy of that library."""
    shutil.copytree(dreamt.folder / "studio", tmp_path / "studio")
    studio = Studio(tmp_path)
    yield studio
    studio.jobs.close()


def test_a_film_with_its_sound(dreamt: Dreamt, after: Studio) -> None:
    uploaded, job, done = dreamt.uploads[0], dreamt.added[0], dreamt.done[0]
    assert (job.file, job.name, job.look, job.error, job.result) == (uploaded.id, "beach.mp4", "neon", None, None)
    assert (done.share, done.left, done.text, done.error) == (1.0, None, "done", None)
    assert done.result is not None
    entry, path = after.files.find(done.result)
    assert (entry.name, entry.kind, entry.type) == ("beach-dream.mp4", "dream", "video/mp4")
    assert (entry.width, entry.height, entry.seconds) == (160, 120, pytest.approx(2.0, abs=0.1))
    assert count_frames(path) == 20
    assert len(ffprobe(path, "a", "stream=codec_name")) == 1
    assert parse_preset(embedded_recipe(path), "the recipe") == SMALL
    results = {job.result for job in dreamt.done}
    assert sorted(name.name for name in path.parent.iterdir()) == sorted(
        f"{after.files.find(id or '')[1].stem}{suffix}"
        for id in results
        for suffix in (".json", after.files.find(id or "")[1].suffix)
    )


def test_a_picture(dreamt: Dreamt, after: Studio) -> None:
    done = dreamt.done[1]
    assert done.result is not None
    entry, path = after.files.find(done.result)
    assert (entry.name, entry.type, entry.width, entry.height) == ("a-dream.png", "image/png", 120, 80)
    with Image.open(path) as dream:
        assert np.asarray(dream).std() > 1  # the source has one colour


def test_an_animation_becomes_a_film(dreamt: Dreamt, after: Studio) -> None:
    done = dreamt.done[2]
    assert done.result is not None
    assert after.files.find(done.result)[0].name == "a-dream.mp4"


def test_one_after_the_other(dreamt: Dreamt) -> None:
    assert [job.id for job in dreamt.done] == [job.id for job in dreamt.added]
    assert len({job.result for job in dreamt.done}) == 3
    assert all(states.count("running") <= 1 for states in dreamt.seen)
    assert ["done", "running", "waiting"] in dreamt.seen or ["done", "waiting", "waiting"] in dreamt.seen


# A job that is interrupted


@pytest.fixture(scope="module")
def whole_dream(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Fraction, np.ndarray]]:
    """The frames of the dream of `film` with `slow` by the command line, which nothing interrupts."""
    folder, settings = tmp_path_factory.mktemp("whole"), slow()
    controls = [f"--{name}={getattr(settings, name)}" for name in ("steps", "octaves")]
    controls.append(f"--working-height={settings.working_height}")
    (folder / "none.toml").write_text("")  # a preset that changes nothing
    words = ["run", "-q", str(write_film(folder)), "-o", str(folder / "whole.mp4")]
    assert main([*words, "--preset", str(folder / "none.toml"), *controls]) == 0
    return read_film(folder / "whole.mp4")


def check_is_whole(studio: Studio, job: Job, expected: list[tuple[Fraction, np.ndarray]]) -> None:
    """Compare every frame. Where x264 began again, it spends its bits in another way; the dream itself is the same."""
    assert job.result is not None
    found = read_film(studio.files.find(job.result)[1])
    assert [time for time, _ in found] == [time for time, _ in expected]
    assert len(found) == FRAMES
    pairs = zip(found, expected, strict=True)
    assert max(np.abs(one.astype(int) - other).mean() for (_, one), (_, other) in pairs) < 6
    neighbours = zip(found[1:], expected, strict=False)
    assert min(np.abs(one.astype(int) - other).mean() for (_, one), (_, other) in neighbours) > 6


def test_a_worker_that_is_killed_midway_is_resumed_by_another_studio(studio: Studio, whole_dream) -> None:
    uploaded = film(studio)
    id = studio.jobs.add(uploaded.id, "own", slow()).id
    studio.await_frames(id, share=0.6)
    record = studio.folder / "studio" / "jobs" / id / "job.json"
    running = record.read_bytes()  # as a studio that is killed leaves it
    os.killpg(studio.worker(), signal.SIGKILL)
    failed = studio.await_state(id, "failed")
    assert failed.error is not None
    assert failed.error.message == "the worker was killed (signal 9)"
    studio.jobs.close()
    record.write_bytes(running)
    assert json.loads(running)["state"] == "running"
    studio.open()
    first = []

    def is_so() -> bool:
        job = studio.jobs.find(id)
        if job.state == "running" and "frames" in job.text:
            first.append(job.share or 0.0)
        return job.state == "done"

    wait_until(is_so)
    assert first[0] > 0.1, "it began again"
    check_is_whole(studio, studio.jobs.find(id), whole_dream)


def test_stop_and_start(studio: Studio, whole_dream) -> None:
    uploaded = film(studio)
    id = studio.jobs.add(uploaded.id, "own", slow()).id
    studio.await_frames(id, share=0.2)
    pid = studio.worker()
    stopped = studio.jobs.stop(id)
    assert stopped.state == "stopped"
    assert stopped.result is None
    assert 0.2 < (stopped.share or 0.0) < 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert studio.jobs.stop(id).state == "stopped"
    assert studio.files.list()[0].kind == "upload"  # the part is not listed
    studio.jobs.close()
    studio.open()
    assert studio.jobs.find(id) == stopped
    assert studio.jobs.start(id).state in ("waiting", "running")
    job = studio.await_state(id, "done")
    check_is_whole(studio, job, whole_dream)
    with pytest.raises(WrongStateError):
        studio.jobs.stop(id)
    with pytest.raises(WrongStateError):
        studio.jobs.start(id)


def test_a_restart(studio: Studio) -> None:
    """The job that runs goes on, and so do those that wait; one that was stopped does not."""
    uploaded = film(studio, 60)
    ids = [studio.jobs.add(uploaded.id, "own", settings).id for settings in (slow(), SMALL, SMALL)]
    assert studio.jobs.stop(ids[1]).state == "stopped"
    studio.await_frames(ids[0])
    studio.jobs.close()
    assert [job.state for job in studio.jobs.list()] == ["running", "stopped", "waiting"]
    studio.open()
    studio.await_state(ids[2], "done")
    assert [job.state for job in studio.jobs.list()] == ["done", "stopped", "done"]


def test_a_dream_that_was_finished_just_before_the_studio_was_killed(dreamt: Dreamt, after: Studio) -> None:
    done = dreamt.done[0]
    record = after.folder / "studio" / "jobs" / done.id / "job.json"
    after.jobs.close()
    record.write_text(json.dumps({**json.loads(record.read_text()), "state": "running"}))
    after.open(make_command=lambda words: ["false"])
    assert after.await_state(done.id, "done").result == done.result


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal at the death of a parent")
def test_the_worker_ends_with_its_studio(studio: Studio) -> None:
    """Another process has the jobs, and is killed."""
    uploaded = film(studio, 200)
    studio.jobs.close()
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from livedream.studio.library.files import Files\n"
        "from livedream.studio.library.jobs import Jobs\n"
        "from tests.studio.library.parts import free, SMALL\n"
        "folder = Path(sys.argv[1])\n"
        "jobs = Jobs(Files(folder), folder / 'jobs', free=free)\n"
        "jobs.begin()\n"
        "id = jobs.add(sys.argv[2], 'own', SMALL.replace(working_height=128, steps=4)).id\n"
        "while 'frames' not in jobs.find(id).text:\n"
        "    time.sleep(0.05)\n"
        "print(id, jobs._run._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    words = [sys.executable, "-c", program, str(studio.folder / "studio"), uploaded.id]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        id, pid = other.stdout.readline().split()
        assert os.path.exists(f"/proc/{pid}")  # noqa: PTH110  a string
        other.kill()
    studio.open()
    assert studio.jobs.find(id).state in ("waiting", "running")
    studio.await_frames(id)
    assert studio.worker() != int(pid)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"))  # noqa: PTH110  a string
    studio.jobs.delete(id)


# A job that is deleted


def test_a_job_that_runs_gives_way_and_can_be_deleted(studio: Studio) -> None:
    uploaded = film(studio, 200)
    before = all_below(studio.files.folder)
    id = studio.jobs.add(uploaded.id, "own", slow()).id
    studio.await_frames(id, share=0.05)
    check_it_gives_way(studio.worker())
    assert studio.jobs.uses(uploaded.id)
    studio.jobs.delete(id)
    assert studio.jobs.list() == []
    assert not studio.jobs.uses(uploaded.id)
    assert all_below(studio.files.folder) == before
    for call in (studio.jobs.find, studio.jobs.stop, studio.jobs.start, studio.jobs.delete):
        with pytest.raises(UnknownThingError):
            call(id)


def check_it_gives_way(pid: int) -> None:
    """Check that a worker has less right to the processor than the studio, and less memory than the machine."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert os.getpriority(os.PRIO_PROCESS, pid) >= os.getpriority(os.PRIO_PROCESS, 0) + 5
    limits = Path(f"/proc/{pid}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max data size"))
    assert int(line.split()[3]) == total * 3 // 4
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert words[1:4] == ["-m", "livedream", "run"]


def test_deleting_a_job_keeps_its_dream(dreamt: Dreamt, after: Studio) -> None:
    done = dreamt.done[0]
    after.jobs.delete(done.id)
    assert done.result is not None
    assert after.files.find(done.result)[0].name == "beach-dream.mp4"


def test_a_dream_that_was_deleted(dreamt: Dreamt, after: Studio) -> None:
    done = dreamt.done[0]
    assert done.result is not None
    assert after.jobs.find(done.id).result == done.result
    after.files.delete(done.result)
    assert after.jobs.find(done.id).result is None


# A job that fails


def worker_that(body: str) -> Callable[[Sequence[str]], list[str]]:
    """Return a worker that runs `body` in place of livedream."""
    return lambda words: [sys.executable, "-c", f"import sys, time, json\n{body}", *words]


def test_an_error_names_no_folder(studio: Studio) -> None:
    studio.jobs.close()
    studio.open(
        make_command=worker_that(
            "print('error: first', file=sys.stderr)\n"
            "print(f'error: {sys.argv[2]}: no frame can be decoded into {sys.argv[4]}', file=sys.stderr)\n"
            "print(f'hint: look at {sys.argv[6]}', file=sys.stderr)\n"
            "sys.exit(1)\n"
        )
    )
    failed = studio.await_state(studio.jobs.add(film(studio, 5).id, "own", SMALL).id, "failed")
    assert failed.error is not None
    assert failed.error.message == "beach.mp4: no frame can be decoded into the dream"
    assert failed.error.hint == "look at the look"


def test_a_job_that_failed_can_be_started_again(studio: Studio) -> None:
    studio.jobs.close()
    studio.open(make_command=worker_that("sys.exit(3)\n"))
    id = studio.jobs.add(film(studio, 5).id, "own", SMALL).id
    failed = studio.await_state(id, "failed")
    assert failed.error is not None
    assert failed.error.message == "the worker ended with code 3"
    studio.jobs.close()
    studio.open()
    assert studio.jobs.find(id) == failed
    studio.jobs.start(id)
    assert studio.await_state(id, "done").error is None


def test_a_part_that_another_version_began(studio: Studio) -> None:
    """`--resume` refuses it; the next start begins again."""
    uploaded = film(studio, 60)
    id = studio.jobs.add(uploaded.id, "own", slow()).id
    studio.await_frames(id, share=0.1)
    studio.jobs.stop(id)
    look = studio.folder / "studio" / "jobs" / id / "look.toml"
    look.write_text(look.read_text().replace("steps = 4", "steps = 1"))
    studio.jobs.start(id)
    failed = studio.await_state(id, "failed")
    assert failed.error is not None
    assert str(studio.folder) not in f"{failed.error.message} {failed.error.hint}"
    studio.jobs.start(id)
    done = studio.await_state(id, "done")
    assert done.result is not None
    assert count_frames(studio.files.find(done.result)[1]) == 60


def test_a_film_whose_end_is_damaged(studio: Studio) -> None:
    """The dream of what is there is kept, with a note."""
    path = write_clip(studio.folder / "a.ts", frames=100, size=(160, 120))
    data = path.read_bytes()
    uploaded = upload(studio.files, path)
    studio.files.find(uploaded.id)[1].write_bytes(data[: len(data) // 2])
    job = studio.await_state(studio.jobs.add(uploaded.id, "own", SMALL).id, "done")
    assert job.result is not None


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(600)\n",
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n"
        "    print(json.dumps({'share': 0.5, 'frames': 3, 'text': f'{time.time()}'}), file=sys.stderr, flush=True)\n"
        "    time.sleep(0.05)\n",
    ],
    ids=["silent", "repeats itself"],
)
def test_a_worker_that_stalls_is_killed(studio: Studio, body: str) -> None:
    studio.jobs.close()
    studio.open(make_command=worker_that(body), stall=(0.5, 1.0))
    failed = studio.await_state(studio.jobs.add(film(studio, 5).id, "own", SMALL).id, "failed")
    assert failed.error is not None
    assert failed.error.message == "nothing happened any more, so it was ended"


def test_a_worker_that_makes_progress_is_not(studio: Studio) -> None:
    studio.jobs.close()
    studio.open(
        make_command=worker_that(
            "for frame in range(20):\n"
            "    print(json.dumps({'share': frame / 20, 'frames': frame, 'left': 2, 'text': 'x'}), file=sys.stderr)\n"
            "    sys.stderr.flush()\n"
            "    time.sleep(0.1)\n"
            "sys.exit(4)\n"
        ),
        stall=(1.2, 60.0),
    )
    failed = studio.await_state(studio.jobs.add(film(studio, 5).id, "own", SMALL).id, "failed")
    assert failed.error is not None
    assert failed.error.message == "the worker ended with code 4"
    assert failed.share == 0.95


def test_lines_that_are_no_progress(studio: Studio) -> None:
    studio.jobs.close()
    studio.open(
        make_command=worker_that(
            "for line in ('{', '{}', '[1]', '', '{\"share\": \"x\", \"text\": 7}', 'warning: w', 'x' * 200000):\n"
            "    print(line, file=sys.stderr)\n"
            "sys.stderr.buffer.write(b'\\xff\\n')\n"
            "sys.exit(1)\n"
        )
    )
    failed = studio.await_state(studio.jobs.add(film(studio, 5).id, "own", SMALL).id, "failed")
    assert failed.error is not None
    assert failed.error.message == "the worker ended with code 1"


# What is refused


def test_a_file_that_is_not_there(studio: Studio) -> None:
    with pytest.raises(UnknownThingError):
        studio.jobs.add("upload-0123456789ab", "own", SMALL)
    uploaded = film(studio, 5)
    studio.jobs.close()
    studio.open(make_command=worker_that("sys.exit(1)"))
    id = studio.jobs.add(uploaded.id, "own", SMALL).id
    studio.await_state(id, "failed")
    studio.files.delete(uploaded.id)
    with pytest.raises(UnknownThingError):
        studio.jobs.start(id)


def test_a_full_disk(studio: Studio) -> None:
    uploaded = film(studio, 5)
    studio.jobs.close()
    studio.jobs = Jobs(studio.files, studio.folder / "studio" / "jobs", free=lambda folder: 1 << 30)
    with pytest.raises(NoSpaceError):
        studio.jobs.add(uploaded.id, "own", SMALL)
    assert studio.jobs.list() == []
    assert list((studio.folder / "studio" / "jobs").iterdir()) == []


def test_too_many_jobs(studio: Studio) -> None:
    uploaded = film(studio, 5)
    studio.jobs.close()
    studio.open(make_command=worker_that("time.sleep(600)"))
    for _ in range(MOST):
        studio.jobs.add(uploaded.id, "own", SMALL)
    with pytest.raises(BusyError):
        studio.jobs.add(uploaded.id, "own", SMALL)


def test_damaged_records_are_left_alone(dreamt: Dreamt, after: Studio) -> None:
    after.jobs.close()
    jobs, ids = after.folder / "studio" / "jobs", [job.id for job in dreamt.done]
    damages = (b"", b"{", b'{"id": "../../x"}', b"\xff", b'{"state": "exploded"}')
    for number, damage in enumerate(damages):
        shutil.copytree(jobs / ids[0], jobs / f"job-{number}")
        (jobs / f"job-{number}" / "job.json").write_bytes(damage)
    (jobs / "notes.txt").write_text("not a job")
    assert [other.id for other in after.open().list()] == ids
    assert all((jobs / f"job-{number}" / "look.toml").exists() for number in range(len(damages)))


# The process


def test_a_worker_whose_studio_is_dead_already_does_not_begin() -> None:
    command = worker_command(["run", "nothing.mp4"])
    command[command.index(str(os.getpid()))] = "1"
    assert subprocess.run(command, check=False, timeout=DEADLINE).returncode == 128 + signal.SIGTERM
