from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from livedream.capture.looped_image import LoopedImageSource
from livedream.errors import ArgumentError, SourceError
from tests.conftest import write_clip


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)).save(path)
    return str(path)


def test_one_picture_at_exact_times(photo) -> None:
    with LoopedImageSource(photo, Fraction(30000, 1001), 3) as source:
        assert (source.size, source.rate, source.length, source.live) == ((8, 6), Fraction(30000, 1001), 3, False)
        frames = list(source)
    assert [frame.time for frame in frames] == [0, Fraction(1001, 30000), Fraction(2002, 30000)]
    assert [frame.index for frame in frames] == [0, 1, 2]
    with Image.open(photo) as picture:
        assert all((frame.pixels == np.asarray(picture)).all() for frame in frames)


def test_a_second_iteration_goes_on_and_closing_ends_it(photo) -> None:
    source = LoopedImageSource(photo, Fraction(30), 5)
    next(iter(source))
    assert next(iter(source)).index == 1
    source.close()
    source.close()
    assert list(source) == []


def test_what_is_no_picture_is_refused(tmp_path) -> None:
    with pytest.raises(ArgumentError, match=r"clip.mp4 is not a picture"):
        LoopedImageSource(str(write_clip(tmp_path / "clip.mp4")), Fraction(30), 1)
    with pytest.raises(SourceError, match=r"no such file: .*film.mp4"):
        LoopedImageSource(str(tmp_path / "film.mp4"), Fraction(30), 1)
    with pytest.raises(SourceError, match="no such"):
        LoopedImageSource(str(tmp_path / "none.png"), Fraction(30), 1)
