"""What a batch will do, found out without doing it."""

from pathlib import Path

import pytest
from PIL import Image

from livedream import ArgumentError, DreamSettings, SourceError
from livedream.cli.jobs import hindrance, is_batch, plan
from livedream.recipe import Recipe


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"1234")


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
        with pytest.raises(ArgumentError, match="several sources do not go into") as caught:
            plan(["a.mp4"], wrong)
        assert "out/" in caught.value.hint


def test_no_two_share_a_target_or_a_recipe():
    make("a.mp4", "A.mkv", "b/a.mp4", "a-2.mov", "a.jpg")
    found = jobs(["a.mp4", "A.mkv", "b/a.mp4", "a-2.mov", "a.jpg"])
    assert list(found.values()) == [
        "a-dream.mp4",
        "A-2-dream.mp4",
        "a-3-dream.mp4",
        "a-2-2-dream.mp4",
        "a-4-dream.png",
    ]


def test_named_twice_is_dreamt_once():
    make("a.mp4", "b.mp4")
    assert list(jobs(["b.mp4", "./b.mp4", "*.mp4"])) == ["b.mp4", "a.mp4"]


def test_what_livedream_made_is_no_source(tmp_path):
    make("a.mp4", "a-dream.mp4", "b-dream.part.mp4", "b-dream.part.lock", "mine.mp4")
    Path("a-dream.toml").write_text(Recipe(settings=DreamSettings()).text())
    Path("mine.toml").write_text("steps = 2")
    assert list(jobs(["."])) == list(jobs(["*.mp4"])) == ["a.mp4", "mine.mp4"]
    assert list(jobs(["a-dream.mp4", "a.mp4"])) == ["a.mp4"]  # what the shell makes of *.mp4
    assert list(jobs(["a-dream.mp4", "mine.mp4"])) == ["a-dream.mp4", "mine.mp4"]  # somebody wants it dreamt again
    make("out/c.mp4")
    Path("out/c.toml").write_text(Recipe(settings=DreamSettings()).text())
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
    with pytest.raises(ArgumentError, match="is no file"):
        plan(["a.mp4", spec])


def test_a_closed_folder_is_a_job_that_fails(monkeypatch):
    make("closed/a.mp4", "b.mp4")

    def closed(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    assert list(jobs(["closed", "b.mp4"])) == ["closed", "b.mp4"]


class TestHindrance:
    RECIPE = Recipe(settings=DreamSettings(steps=2), fingerprint="1")

    def after(self, recipe, *, target="a-dream.mp4", **facts):
        make("a.mp4", target)
        job = plan(["a.mp4"], "*/" if target.endswith("png") else None)[0]
        if recipe:
            job.recipe_file.write_text(recipe.text(**facts))
        return hindrance(job, self.RECIPE)

    def test_nothing_there(self):
        make("a.mp4")
        assert hindrance(plan(["a.mp4"])[0], self.RECIPE) is None

    @pytest.mark.parametrize("target", ["a-dream.mp4", "a/000000.png"])
    def test_done_before(self, target):
        assert self.after(self.RECIPE, target=target, complete=True) == ""

    def test_made_otherwise(self):
        other = Recipe(settings=DreamSettings(keep=0.5), fingerprint="2")
        assert self.after(other, complete=True) == "a-dream.mp4 exists already, made otherwise (steps, keep, source)"

    def test_cut_off(self):
        assert self.after(self.RECIPE, complete=False) == "a-dream.mp4 exists already, and is not complete"

    def test_unknown(self):
        assert self.after(None) == "a-dream.mp4 exists already, and no recipe says what it is"


def test_the_bytes_of_a_folder():
    make("a.mp4")
    Path("photos").mkdir()
    for number in range(2):
        Image.new("RGB", (4, 4)).save(f"photos/{number}.png")
    sizes = [job.bytes for job in plan(["a.mp4", "photos", "gone.mp4"])]
    assert sizes == [4, sum(path.stat().st_size for path in Path("photos").iterdir()), 0]
