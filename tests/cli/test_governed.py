import re
from fractions import Fraction

import numpy as np
import pytest

from livedream.cli.main import main
from livedream.dream.dreamer import Dreamer
from livedream.dream.stream.quality import QualityScale
from livedream.frame import Frame
from livedream.settings import DreamSettings


def test_relief_dreams_smaller_and_the_dream_goes_on() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)
    dreamer = Dreamer(DreamSettings(layers="fire3", working_height=128, precision="float32"))
    for number in range(4):
        before = dreamer(Frame(pixels, Fraction(number), number)).pixels
    assert dreamer.description.endswith("working 192x128")
    dreamer.quality = QualityScale(0.5)
    after = dreamer(Frame(pixels, Fraction(4), 4)).pixels
    assert dreamer.description.endswith("working 96x64")
    assert dreamer.settings.working_height == 128  # what is asked for stays
    changes = [np.abs(picture.astype(int) - pixels).mean() for picture in (before, after)]
    assert changes[1] > 0.5 * changes[0]  # the residual came along


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (["demo", "--fps", "fast"], "invalid rate 'fast'"),
        (["demo", "--fps", "20", "--fixed"], "--fps and --fixed cannot be combined"),
        (["film.mp4", "--fixed"], "--fixed is for live sources, and this is a video"),
        (["a.mp4", "b.mp4", "--fps", "20"], "--fps is for live sources, and these are videos"),
    ],
)
def test_wrong_words_are_one_line(wrong, line, make_clip, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("film.mp4", "a.mp4", "b.mp4"):
        make_clip(tmp_path / name)
    assert main(["run", *wrong, "--to", "null" if len(wrong) < 4 else "out/"]) == 2
    assert line in re.sub(r"\s+", " ", capsys.readouterr().err)
