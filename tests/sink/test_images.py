"""Pictures as they were written, read again with Pillow."""

import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.sink.images import ImageSink, ImagesSink
from livedream.sink.null import NullSink
from tests.films import quarters


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def frame(level: int, index: int = 0, size: tuple[int, int] = (64, 48)) -> Frame:
    return Frame(np.full((size[1], size[0], 3), level, np.uint8), Fraction(index, 25), index)


def test_one_png_a_frame_in_the_order_of_their_coming(tmp_path: Path) -> None:
    with ImagesSink(tmp_path / "out") as sink:
        for level, index in ((10, 0), (20, 5), (30, 9)):  # those between were dropped
            sink.write(frame(level, index))
        assert sink.count == 3
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == ["000000.png", "000001.png", "000002.png"]
    assert [pixels(path)[0, 0, 0] for path in written] == [10, 20, 30]


def test_sizes_may_differ(tmp_path: Path) -> None:
    with ImagesSink(tmp_path) as sink:
        sink.write(frame(1, size=(10, 20)))
        sink.write(frame(1, size=(20, 10)))
    assert pixels(tmp_path / "000001.png").shape == (10, 20, 3)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff", "a.PNG", "a.jpg", "a.jpeg", "a.webp"])
def test_colours_come_back(name: str, tmp_path: Path) -> None:
    with ImageSink(tmp_path / name) as sink:
        sink.write(Frame(quarters(), Fraction(0), 0))
    back = pixels(tmp_path / name).astype(int)
    allowed = 0 if name.lower().endswith(("png", "tif", "tiff")) else 6
    assert np.abs(back - quarters())[4:20, 4:28].max() <= allowed


def test_picture_is_the_first_frame_and_then_it_is_finished(tmp_path: Path) -> None:
    with ImageSink(tmp_path / "a.png") as sink:
        assert not sink.finished
        sink.write(frame(10))
        assert sink.finished
        sink.write(frame(20))
    assert pixels(tmp_path / "a.png")[0, 0, 0] == 10
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    """WebP holds no picture wider than 16383 pixels."""
    with ImageSink(tmp_path / "a.webp") as sink, pytest.raises(SinkError) as caught:
        sink.write(frame(1, size=(16384, 1)))
    assert str(tmp_path / "a.webp") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_null_counts() -> None:
    with NullSink() as sink:
        sink.write(frame(1))
        sink.write(frame(2))
    assert sink.count == 2


def test_a_frame_that_a_killed_run_was_writing_goes_with_the_next_run(tmp_path: Path) -> None:
    program = """
        import os, signal, sys
        from pathlib import Path
        from livedream.sink.lock import OutputLock
        from livedream.sink.partial_file import PartialFile
        folder = Path(sys.argv[1])
        PartialFile(folder / "000007.png", OutputLock(folder, folder=True).acquire()).write(b"half a picture")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=False)
    (tmp_path / "000008.part.png").write_bytes(b"somebody's")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000007.part.png",
        "000008.part.png",
        "recipe.part.lock",
    ]
    with pytest.raises(SinkError, match=r"000008\.part\.png exists already"):
        ImagesSink(tmp_path, overwrite=True)
    assert (tmp_path / "000008.part.png").read_bytes() == b"somebody's"
    (tmp_path / "000008.part.png").unlink()
    with ImagesSink(tmp_path, overwrite=True) as sink:
        sink.write(frame(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.png"]
