"""What a batch will do, found out without doing it."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream import ArgumentError, DreamSettings, SourceError
from livedream.cli.tasks.batch_plan import hindrance, is_batch, plan
from livedream.formats.suffixes import IMAGE_SUFFIXES_OUT, VIDEO_SUFFIXES
from livedream.frame import Frame
from livedream.recipe import Recipe
from livedream.sink.open import open_sink


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"1234")


def dreamt(target, recipe, complete=True):
    """Write what a run with this recipe leaves."""
    with open_sink(target) as sink:
        sink.recipe = recipe
        sink.source_ended_early = not complete
        sink.write(Frame(np.zeros((48, 64, 3), np.uint8), Fraction(0), 0))
        sink.end()


def jobs(specs, to=None):
    return {job.source: job.target for job in plan(specs, to)}


def test_one_source_is_no_batch():
    make("film.mp4", "a[1].mp4", "photos/1.jpg", "photos/2.jpg", "empty/x.txt")
    for spec in ("0", "demo", "rtsp://a/1", "film.mp4", "photos/", "photos/*.jpg", "a[1].mp4", "gone.mp4", "*.avi"):
        assert not is_batch([spec]), spec
    assert not is_batch(["empty"])
    make("films/a.mp4")
    for specs in (["films"], ["*.mp4"], ["film.mp4", "film.mp4"], ["0", "1"]):
        assert is_batch(specs), specs


def test_files_folders_and_patterns_in_order():
    make("b.mkv", "films/10.mp4", "films/9.MOV", "films/notes.txt", "films/._9.mov", "more/x.mov", "more/y.mov")
    make("photos/1.jpg", "photos/2.jpg", "one.jpg", "more/z.srt")
    assert jobs(["b.mkv", "films/", "more/*.mov", "photos", "one.jpg", "gone.mp4"], "out/") == {
        "b.mkv": "out/b-dream.mp4",
        "films/9.MOV": "out/9-dream.mp4",
        "films/10.mp4": "out/10-dream.mp4",
        "more/x.mov": "out/x-dream.mp4",
        "more/y.mov": "out/y-dream.mp4",
        "photos": "out/photos-dream/",
        "one.jpg": "out/one-dream.png",
        "gone.mp4": "out/gone-dream.mp4",
    }
    assert list(jobs(["more/*"])) == ["more/x.mov", "more/y.mov"]
    assert jobs(["photos/*.jpg", "b.mkv"]) == {"photos/*.jpg": "photos-dream/", "b.mkv": "b-dream.mp4"}


def test_a_folder_of_both_gives_both():
    make("trip/a.mp4", "trip/1.jpg")
    assert jobs(["trip"]) == {"trip/a.mp4": "a-dream.mp4", "trip": "trip-dream/"}


def test_a_pattern_says_where_they_go():
    make("a.mp4", "b.jpg", "photos/1.jpg")
    assert jobs(["a.mp4", "b.jpg", "photos"], "out/x-*.mkv") == {
        "a.mp4": "out/x-a.mkv",
        "b.jpg": "out/x-b.png",
        "photos": "out/x-photos/",
    }
    assert jobs(["a.mp4"], "out/*/") == {"a.mp4": "out/a/"}
    for wrong in ("out.mp4", "*/*.mp4", "*/out.mp4", "window", "null"):
        with pytest.raises(ArgumentError, match="several sources cannot be written into") as caught:
            plan(["a.mp4"], wrong)
        assert "out/" in caught.value.hint


def test_no_two_share_a_target():
    make("a.mp4", "A.mkv", "b/a.mp4", "a-2.mov", "a.jpg")
    found = jobs(["a.mp4", "A.mkv", "b/a.mp4", "a-2.mov", "a.jpg"])
    assert list(found.values()) == [
        "a-dream.mp4",
        "A-2-dream.mp4",
        "a-3-dream.mp4",
        "a-2-2-dream.mp4",
        "a-dream.png",
    ]


def test_named_twice_is_dreamt_once():
    make("a.mp4", "b.mp4")
    assert list(jobs(["b.mp4", "./b.mp4", "*.mp4"])) == ["b.mp4", "a.mp4"]


def test_what_livedream_made_is_no_source(tmp_path):
    make("a.mp4", "b-dream.part.mp4", "b-dream.part.lock", "mine.mp4", "old-dream.mp4")
    dreamt("a-dream.mp4", Recipe(settings=DreamSettings()))
    Path("old-dream.toml").write_text(Recipe(settings=DreamSettings()).text())  # as it once was
    Path("mine.toml").write_text("steps = 2")
    assert list(jobs(["."])) == list(jobs(["*.mp4"])) == ["a.mp4", "mine.mp4"]
    assert list(jobs(["a-dream.mp4", "a.mp4"])) == ["a.mp4"]  # what the shell makes of *.mp4
    assert list(jobs(["a-dream.mp4", "mine.mp4"])) == ["a-dream.mp4", "mine.mp4"]  # somebody wants it dreamt again
    Path("out").mkdir()
    dreamt("out/c.mkv", Recipe(settings=DreamSettings()))
    with pytest.raises(SourceError, match="nothing to dream in out") as caught:
        plan(["out"])
    assert caught.value.hint


def test_no_target_is_a_source():
    make("a.mp4", "b/a-dream.mp4")
    assert jobs(["a.mp4", "b/a-dream.mp4"])
    with pytest.raises(ArgumentError, match=r"b/a-dream.mp4 is one of the sources"):
        plan(["a.mp4", "b/a-dream.mp4"], "b/")


@pytest.mark.parametrize("spec", ["0", "demo", "rtsp://a/1", ""])
def test_what_never_ends_is_in_no_batch(spec):
    make("a.mp4")
    with pytest.raises(ArgumentError, match="is not a file"):
        plan(["a.mp4", spec])


def test_a_closed_folder_is_a_job_that_fails(monkeypatch):
    make("closed/a.mp4", "b.mp4")

    def closed(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    assert list(jobs(["closed", "b.mp4"])) == ["closed", "b.mp4"]


class TestHindrance:
    RECIPE = Recipe(settings=DreamSettings(steps=2), fingerprint="1")

    def job(self, target):
        make("a.mp4")
        kind = Path(target).suffix
        return plan(["a.mp4"], f"*-dream{kind}" if kind else "*/")[0]

    def after(self, recipe, target="a-dream.mp4", **how):
        job = self.job(target)
        dreamt(job.target, recipe, **how)
        return hindrance(job, self.RECIPE)

    def test_nothing_there(self):
        make("a.mp4")
        assert hindrance(plan(["a.mp4"])[0], self.RECIPE) is None

    @pytest.mark.parametrize("target", [*(f"a-dream{kind}" for kind in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES_OUT)), "a/"])
    def test_done_before(self, target):
        assert self.after(self.RECIPE, target) == ""

    def test_made_otherwise(self):
        other = Recipe(settings=DreamSettings(keep=0.5), fingerprint="2")
        assert self.after(other) == "a-dream.mp4 exists already, made with other settings (steps, keep, source)"

    def test_made_with_other_controls_that_have_no_effect_on_it(self):
        assert self.after(Recipe(settings=DreamSettings(steps=2, still_steps=3), fingerprint="1")) == ""
        Image.new("RGB", (8, 8)).save("b.png")
        (job,) = plan(["b.png"], "*-dream.png")
        dreamt(job.target, Recipe(settings=DreamSettings(steps=3, working_height=99), fingerprint="2"))
        assert hindrance(job, Recipe(settings=DreamSettings(), fingerprint="2")) == ""
        other = hindrance(job, Recipe(settings=DreamSettings(still_steps=3), fingerprint="2"))
        assert other == "b-dream.png exists already, made with other settings (still_steps)"

    @pytest.mark.parametrize("target", [*(f"a-dream{kind}" for kind in VIDEO_SUFFIXES), "a/"])
    def test_cut_off(self, target):
        said = self.after(self.RECIPE, target, complete=False)
        assert said == f"{self.job(target).target} exists already, and is incomplete"

    def test_unknown(self):
        job = self.job("a-dream.mp4")
        make(job.target)
        assert hindrance(job, self.RECIPE) == "a-dream.mp4 exists already, and carries no recipe"

    def test_without_recipes_what_is_there_is_done(self):
        job = self.job("a-dream.mp4")
        make(job.target)
        assert hindrance(job, self.RECIPE, carries=False) == ""
        assert self.after(Recipe(settings=DreamSettings(keep=0.5)), "a-dream.png").startswith("a-dream.png exists")

    @pytest.mark.needs_ffmpeg
    @pytest.mark.parametrize(("target", "inside"), [("a-dream.mp4", True), ("a-dream.gif", False)])
    def test_what_an_older_livedream_left(self, target, inside):
        """A recipe beside all outputs; that in a film said nothing of its end."""
        job = self.job(target)
        shutil.copy(Path(__file__).parents[3] / "livedream/assets/demo.mp4", "plain.mp4")
        tags = ["-metadata", f"comment={self.RECIPE.text()}"] if inside else []
        make_old = ["ffmpeg", "-v", "error", "-i", "plain.mp4", "-frames:v", "2", *tags, job.target]
        subprocess.run(make_old, check=True)
        beside = Path("a-dream.toml")
        beside.write_text(self.RECIPE.text(frames=2, complete=True))
        assert hindrance(job, self.RECIPE) == ""
        beside.write_text(self.RECIPE.text(frames=2, complete=False))
        assert hindrance(job, self.RECIPE) == f"{target} exists already, and is incomplete"
        # That of another output of this name.
        beside.write_text(Recipe(settings=DreamSettings(keep=0.5)).text(frames=2, complete=True))
        assert ("is incomplete" if inside else "made with other settings") in hindrance(job, self.RECIPE)


def test_the_bytes_of_a_folder():
    make("a.mp4")
    Path("photos").mkdir()
    for number in range(2):
        Image.new("RGB", (4, 4)).save(f"photos/{number}.png")
    sizes = [job.bytes for job in plan(["a.mp4", "photos", "gone.mp4"])]
    assert sizes == [4, sum(path.stat().st_size for path in Path("photos").iterdir()), 0]
