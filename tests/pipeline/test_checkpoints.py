from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from livedream.errors import ArgumentError, SinkError
from livedream.frame import Frame
from livedream.pipeline.checkpoints import EVERY, KEPT, Checkpoint, Journal

JOB = {"input": "film.mp4, 1234 bytes", "layers": "fire6"}


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), Fraction(index, 25), index)


def journal(folder: Path, **changes: str) -> Journal:
    return Journal(folder / "out.part.mp4", {**JOB, **changes})


def checkpoint(index: int) -> Checkpoint:
    state = {"count": np.array(index), "residual": np.full((1, 3, 2, 2), index / 3, np.float32)}
    return Checkpoint(index, Fraction(index * 1001, 30000), state)


def test_checkpoints_are_due_every_two_seconds_of_film(tmp_path) -> None:
    book = journal(tmp_path)
    assert [index for index in range(200) if book.due(frame(index))] == [50, 100, 150]


def test_a_resumed_run_takes_its_checkpoints_where_an_unbroken_one_does(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    book.continue_from(Checkpoint(50, Fraction(2), {}))
    assert [index for index in range(50, 200) if book.due(frame(index))] == [100, 150]


def test_checkpoint_comes_back_to_the_bit_newest_first(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    for index in (60, 120):
        book.save(checkpoint(index))
    newest, older = journal(tmp_path).checkpoints()
    assert (newest.index, older.index) == (120, 60)
    assert newest.time == Fraction(120 * 1001, 30000)
    assert np.array_equal(newest.state["residual"], checkpoint(120).state["residual"])
    assert newest.state["residual"].dtype == np.float32


def test_old_checkpoints_are_forgotten(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    for number in range(1, KEPT + 4):
        book.save(checkpoint(50 * number))
    assert [point.index for point in book.checkpoints()] == [50 * number for number in range(KEPT + 3, 3, -1)]


def test_damaged_checkpoint_is_passed_over(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    book.save(checkpoint(50))
    book.save(checkpoint(100))
    newest = tmp_path / "out.part.resume" / "000100.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    assert [point.index for point in book.checkpoints()] == [50]


def test_checkpoint_that_says_nonsense_is_passed_over(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    book.save(checkpoint(50))
    folder = tmp_path / "out.part.resume"
    for index, time in enumerate(([1, 0], [1], [1, 2, 3], [[1, 2], [3, 4]]), 100):
        (folder / f"{index:06d}.safetensors").write_bytes(save({"time": np.array(time)}))
    (folder / "000200.safetensors").write_bytes(save({"nothing": np.array([1])}))
    (folder / "000201.safetensors").write_bytes(b"")
    assert [point.index for point in book.checkpoints()] == [50]


def test_what_comes_after_the_point_of_return_is_void(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    for index in (50, 100, 150):
        book.save(checkpoint(index))
    book.continue_from(checkpoint(100))
    assert [point.index for point in book.checkpoints()] == [100, 50]


def test_same_job_may_go_on(tmp_path) -> None:
    journal(tmp_path).begin()
    journal(tmp_path).check()


def test_another_job_is_refused_with_the_difference(tmp_path) -> None:
    journal(tmp_path).begin()
    with pytest.raises(ArgumentError, match="layers was fire6, is fire9") as caught:
        journal(tmp_path, layers="fire9").check()
    assert "input" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[1]", '{"layers": ', '"text"', "[" * 100_000, "\xff"])
def test_damaged_job_is_refused_in_one_line(content: str, tmp_path) -> None:
    journal(tmp_path).begin()
    (tmp_path / "out.part.resume" / "job.json").write_text(content, encoding="latin-1")
    with pytest.raises(ArgumentError, match=r"job\.json cannot be read") as caught:
        journal(tmp_path).check()
    assert "--overwrite" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("input", "the content of the source was"),
        ("ingredients", "the content of the files that"),
        ("used", "what dreams"),
    ],
)
def test_what_differs_is_named_with_both_values(name: str, words: str, tmp_path) -> None:
    journal(tmp_path, **{name: "before"}).begin()
    with pytest.raises(ArgumentError, match=words) as caught:
        journal(tmp_path, **{name: "now"}).check()
    assert "was before, is now" in str(caught.value)


def test_journal_of_an_older_version_names_what_it_did_not_know(tmp_path) -> None:
    journal(tmp_path).begin()
    with pytest.raises(ArgumentError, match="processor was not given, is AVX2"):
        journal(tmp_path, processor="AVX2").check()


def test_files_of_somebody_in_its_folder_stay(tmp_path) -> None:
    folder = tmp_path / "out.part.resume"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    book = journal(tmp_path)
    with pytest.raises(SinkError, match="contains files that livedream did not write"):
        book.begin()
    book.finish()
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["draft.txt", "000007.safetensors"])
def test_files_that_only_look_like_those_of_a_journal_stay(name: str, tmp_path) -> None:
    folder = tmp_path / "out.part.resume"
    folder.mkdir()
    (folder / name).write_text("mine")
    book = journal(tmp_path)
    with pytest.raises(SinkError, match="contains files that livedream did not write"):
        book.begin()
    book.finish()
    assert [path.name for path in folder.iterdir()] == [name]


def test_a_journal_of_which_the_first_file_is_half_written_begins_anew(tmp_path) -> None:
    (tmp_path / "out.part.resume").mkdir()
    (tmp_path / "out.part.resume" / "job.json.new").write_text("{")
    journal(tmp_path).begin()
    assert [path.name for path in (tmp_path / "out.part.resume").iterdir()] == ["job.json"]


def test_finished_journal_leaves_nothing(tmp_path) -> None:
    book = journal(tmp_path)
    book.begin()
    book.save(checkpoint(50))
    book.finish()
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_reach_further_back_than_the_encoder() -> None:
    # x264 holds back 40 frames of lookahead and 16 of threads at most: 2.3 s at 24 fps.
    assert Fraction(56, 24) + EVERY < KEPT * EVERY
