"""`--tour` by the command that a user types. The presets are the test's own, of two networks."""

import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from livedream import DreamSettings, Frame
from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.cli.tasks.last_settings import state_file
from livedream.pipeline.checkpoints import Checkpoint, Journal
from livedream.sink.null import NullSink

PRESETS = {
    "deep": DreamSettings(model="efficientnet_lite0", layers="blocks.4", step_size=2.0, octaves=2),
    "fire": DreamSettings(layers="fire4", keep=0.95, zoom=1.01),
    "lite": DreamSettings(model="efficientnet_lite0", layers="blocks.2"),
}
QUICK = ("--working-height", "48", "--precision", "float32")


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("livedream.controls.live_state.tour_presets", lambda: PRESETS)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def decoded(path: Path | str) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_a_tour_of_a_film_repeats_and_goes_on_after_a_cut(
    make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    film = str(make_clip("film.mp4", rate=25, frames=130))
    tour = ["--codec", "ffv1", "--tour=2", *QUICK]
    assert main(["run", film, "--to", "whole.mkv", *tour]) == 0
    assert ", preset film, tour: 2 s per preset: " in capsys.readouterr().out

    save = Journal.save

    def save_and_stop(self: Journal, checkpoint: Checkpoint) -> None:
        save(self, checkpoint)
        if checkpoint.index >= 100:  # the tour has changed with frames 50 and 100
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Journal, "save", save_and_stop)
    assert main(["run", film, "--to", "cut.mkv", *tour]) == 130
    monkeypatch.setattr(Journal, "save", save)
    assert main(["run", film, "--to", "cut.mkv", "--codec", "ffv1", "--tour=3", *QUICK, "--resume"]) == 2
    assert "tour was 2, is 3" in capsys.readouterr().err
    assert main(["run", film, "--to", "cut.mkv", *tour, "--resume"]) == 0
    assert "continuing at frame" in capsys.readouterr().out

    whole, cut = decoded("whole.mkv"), decoded("cut.mkv")
    assert len(whole) == 130
    assert all(np.array_equal(a, b) for a, b in zip(whole, cut, strict=True))
    assert all(not np.array_equal(a, b) for a, b in pairwise(whole))
    assert '[livedream.options]\ncodec = "ffv1"\ntour = "2"' in _sorted_options(embedded_recipe(Path("whole.mkv")))


def _sorted_options(text: str) -> str:
    head, _, options = text.partition("[livedream.options]\n")
    return f"{head}[livedream.options]\n" + "\n".join(sorted(options.splitlines()))


def test_a_live_tour_leaves_no_settings_for_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    write = NullSink.write

    def write_until_it_changes(self: NullSink, frame: Frame) -> None:
        write(self, frame)
        if frame.time > 2 and not seen:
            seen.append("two seconds")
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(NullSink, "write", write_until_it_changes)
    assert main(["run", "demo", "--to", "null", "--tour=2", *QUICK]) == 130
    assert not state_file().exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.png", "--tour"], "--tour is for videos and live sources, and this is a picture"),
        (["photo.png", "--watch", "--tour=5"], "--tour is for videos and live sources, and this is a picture"),
        (["film.mp4", "--tour=1"], "invalid time per preset of a tour: '1'"),
        (["--tour", "soon"], "invalid time per preset of a tour: 'soon'"),
    ],
)
def test_what_can_be_no_tour_is_one_line(
    words: list[str], message: str, make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip("film.mp4", rate=25, frames=4)
    with av.open("photo.png", "w") as picture:
        stream = picture.add_stream("png", width=32, height=32, pix_fmt="rgb24")
        picture.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))))
    assert main(["run", *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
