"""`livedream.run`: a whole program in one call."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import livedream
from livedream import (
    ArgumentError,
    Changes,
    Dreamer,
    DreamSettings,
    Frame,
    Playback,
    Report,
    SourceError,
    open_sink,
    open_source,
    run,
)
from tests.conftest import count_frames
from tests.pipeline.parts import Frames, Kept

QUICK = DreamSettings(layers="fire2", still_height=32, still_steps=2, smallest_octave=32, working_height=32, steps=1)


def inverted(frame: Frame) -> Frame:
    return frame.with_pixels(255 - frame.pixels)


def test_run_takes_names_and_paths(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip("clip.mp4", frames=5)
    report = run(clip, QUICK, tmp_path / "dream.mp4")
    assert (report.captured, report.dreamt, [sink.written for sink in report.sinks]) == (5, 5, [5])
    assert count_frames(tmp_path / "dream.mp4") == 5
    with pytest.raises(livedream.SinkError, match="exists"):
        run(clip, QUICK, tmp_path / "dream.mp4")
    run(str(clip), inverted, [str(tmp_path / "dream.mp4"), "null"], overwrite=True)
    assert count_frames(tmp_path / "dream.mp4") == 5


def test_run_takes_what_is_open_and_leaves_it_open() -> None:
    source, sink = Frames(4), Kept()
    run(source, inverted, sink)
    assert [int(frame.pixels[0, 0, 0]) for frame in sink.frames] == [255, 254, 253, 252]
    assert not sink.closed
    assert not source.closed.is_set()


def test_run_dreams_photographs_by_themselves(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((40, 48, 3), 90, np.uint8)).save(tmp_path / name)
    run(tmp_path / "*.png", Dreamer(QUICK), f"{tmp_path}/out/")
    with open_source(tmp_path / "a.png") as source:
        pixels = next(iter(source)).pixels
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == 2
    dream = Dreamer(QUICK)(pixels)
    with Image.open(written[0]) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), dream)


def test_a_live_run_is_governed_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def run_pipeline(*parts: object, **options: object) -> None:
        made.append(options["governor"])

    monkeypatch.setattr("livedream.api.pipeline_run", run_pipeline)
    run(Frames(1, live=True), Dreamer(QUICK), Kept())
    run(Frames(1, live=True), Dreamer(QUICK), Kept(), governor=None)
    run(Frames(1, live=True), inverted, Kept())
    run(Frames(1), Dreamer(QUICK), Kept())
    assert isinstance(made[0], livedream.Governor)
    assert made[1:] == [None, None, None]


def test_a_video_that_is_only_watched_plays_at_its_own_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def run_pipeline(*parts: object, **options: object) -> None:
        made.append(options["playback"])

    monkeypatch.setattr("livedream.api.pipeline_run", run_pipeline)
    run(Frames(1), inverted, Kept(live=True))
    run(Frames(1), inverted, [Kept(live=True), Kept()])
    run(Frames(1, stills=True), inverted, Kept(live=True))
    run(Frames(1, live=True), inverted, Kept(live=True))
    mine = Playback(Fraction(2))
    run(Frames(1), inverted, Kept(), playback=mine)
    assert isinstance(made[0], Playback)
    assert made[1:] == [None, None, None, mine]


def test_sinks_join_and_leave_a_run() -> None:
    changes, late = Changes(), Kept("late")
    source = Frames(10**6, before=lambda index: None)

    def on_progress(report: Report) -> None:
        if report.dreamt and not late.frames:
            changes.add_sink(late)
        elif late.frames:
            changes.remove_sink(late)
            changes.remove_sink(first)

    first = Kept()
    report = run(source, inverted, first, changes=changes, on_progress=on_progress)
    assert late.frames
    assert {sink.name for sink in report.sinks} == {"kept", "late"}


def test_mistakes_are_reported_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="unknown preset: flim"):
        run("nothing.mp4", "flim", tmp_path / "dream.mp4")
    with pytest.raises(SourceError, match=r"nothing\.mp4"):
        run("nothing.mp4", "film", tmp_path / "dream.mp4")
    with pytest.raises(ValueError, match="at least one sink"):
        run(Frames(1), inverted, [])
    assert list(tmp_path.iterdir()) == []


def test_what_run_opens_is_closed_when_it_fails(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    def fail(frame: Frame) -> Frame:
        raise RuntimeError("no dream")

    with pytest.raises(RuntimeError, match="no dream"):
        run(make_clip("clip.mp4", frames=3), fail, tmp_path / "dream.mp4")
    with open_sink(tmp_path / "dream.mp4", overwrite=True):
        pass  # no other run holds it
