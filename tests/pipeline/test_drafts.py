"""What is on disk of a film while another run goes on with it: never less than before."""

import re
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from livedream.errors import SinkError
from livedream.frame import Frame
from livedream.pipeline.checkpoints import Checkpoint, Journal, pick_up
from livedream.sink.lock import OutputLock
from livedream.sink.video.codecs import Encoding
from livedream.sink.video.salvage import Salvage
from livedream.sink.video.video_sink import VideoSink
from livedream.stream_info import StreamInfo
from tests.conftest import count_frames

RATE = 25
FACTS = StreamInfo(rate=Fraction(RATE), time_base=Fraction(1, 1000), length=300)
KINDS = [(".mp4", "h264"), (".mkv", "h265"), (".mkv", "ffv1"), (".gif", "gif")]


def frame(index: int, size: tuple[int, int] = (64, 48)) -> Frame:
    pixels = np.random.default_rng(index).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return Frame(pixels, Fraction(index, RATE), index)


def sink_at(output: Path, codec: str, kept: Salvage | None = None) -> VideoSink:
    sink = VideoSink(output, FACTS, encoding=Encoding(codec=codec), salvage=kept)
    sink.resumable()
    return sink


def write(sink: VideoSink, journal: Journal, first: int, end: int) -> None:
    for index in range(first, end):
        if index and index % (2 * RATE) == 0:
            sink.write_key(frame(index))
            journal.save(Checkpoint(index, frame(index).time, {"count": np.array(index)}))
        else:
            sink.write(frame(index))


@pytest.fixture(scope="module", params=KINDS, ids=["".join(kind) for kind in KINDS])
def cut_off(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder with a film of 130 frames that was cut off, its suffix and its codec."""
    suffix, codec = request.param
    folder = tmp_path_factory.mktemp("cut-off")
    output, journal = folder / f"out{suffix}", Journal(folder / f"out.part{suffix}", {"layers": "fire6"})
    with sink_at(output, codec) as sink:
        journal.begin()
        write(sink, journal, 0, 130)
    assert count_frames(journal.part) == 130
    return folder, suffix, codec


@pytest.fixture
def left(cut_off: tuple[Path, str, str], tmp_path: Path) -> tuple[Path, str, Journal]:
    """Where that film was to be, its codec and its journal."""
    folder, suffix, codec = cut_off
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path / f"out{suffix}", codec, Journal(tmp_path / f"out.part{suffix}", {"layers": "fire6"})


def goes_on(journal: Journal) -> tuple[Salvage, int]:
    found = pick_up(journal)
    assert found is not None
    kept, point = found
    assert point is not None
    return kept, point.index


def test_nothing_is_lost_when_it_ends_before_it_has_more(left: tuple[Path, str, Journal]) -> None:
    output, codec, journal = left
    before = journal.part.read_bytes()
    kept, first = goes_on(journal)
    assert first == 100
    with sink_at(output, codec, kept) as sink:
        write(sink, journal, first, first + 10)
        assert journal.part.read_bytes() == before  # as SIGKILL would leave it
    assert journal.part.read_bytes() == before
    assert not journal.draft.exists()
    assert goes_on(journal)[1] == 100


def test_nothing_is_lost_when_it_fails(left: tuple[Path, str, Journal]) -> None:
    output, codec, journal = left
    before = journal.part.read_bytes()
    kept, first = goes_on(journal)
    with pytest.raises(SinkError, match="holds frames of"), sink_at(output, codec, kept) as sink:
        write(sink, journal, first, first + 5)
        sink.write(frame(first + 5, (32, 32)))
    assert journal.part.read_bytes() == before
    assert not output.exists()


def test_it_becomes_the_part_as_soon_as_it_has_more(left: tuple[Path, str, Journal]) -> None:
    output, codec, journal = left
    kept, first = goes_on(journal)
    with sink_at(output, codec, kept) as sink:
        write(sink, journal, first, 240)
        assert not journal.draft.exists()
        assert count_frames(journal.part) >= 240 - 2 * RATE
    assert count_frames(journal.part) == 240
    assert goes_on(journal)[1] == 200


def test_film_of_it_is_whole(left: tuple[Path, str, Journal]) -> None:
    output, codec, journal = left
    kept, first = goes_on(journal)
    with sink_at(output, codec, kept) as sink:
        write(sink, journal, first, 150)
        sink.end()
    journal.finish()
    assert count_frames(output) == 150
    assert sorted(path.suffix for path in output.parent.iterdir()) == [output.suffix]


def test_the_draft_is_taken_where_it_has_more(left: tuple[Path, str, Journal], tmp_path: Path) -> None:
    """Where an open file cannot be renamed, as on Windows, a killed run leaves both."""
    output, codec, journal = left
    goes_on(journal)
    with sink_at(tmp_path / f"longer{output.suffix}", codec) as sink:
        write(sink, journal, 0, 240)
    (tmp_path / f"longer.part{output.suffix}").replace(journal.draft)
    assert goes_on(journal)[1] == 200
    assert count_frames(journal.part) == 240
    assert not journal.draft.exists()


def test_beginning_anew_keeps_the_part_until_there_is_more(left: tuple[Path, str, Journal]) -> None:
    """Every checkpoint is damaged, so the film begins anew."""
    output, codec, journal = left
    for path in journal.folder.glob("*.safetensors"):
        path.write_bytes(b"damaged")
    before = journal.part.read_bytes()
    found = pick_up(journal)
    assert found is not None
    assert (found[0].count, found[0].total, found[1]) == (0, 130, None)
    journal.begin()
    with sink_at(output, codec, found[0]) as sink:
        write(sink, journal, 0, 120)
        assert journal.part.read_bytes() == before
    assert journal.part.read_bytes() == before


def test_full_disk_at_a_checkpoint_is_said_and_leaves_nothing_half_written(
    tmp_path: Path, small_disk: tuple[Path, int]
) -> None:
    folder, limit = small_disk
    if limit:
        pytest.skip("no disk of a megabyte can be mounted here")
    journal = Journal(folder / "out.part.mkv", {"layers": "fire6"})
    journal.begin()
    journal.save(Checkpoint(50, Fraction(2), {"count": np.array(50)}))
    large = {"residual": np.zeros(2_000_000, np.uint8)}
    with pytest.raises(SinkError, match=re.escape(f"{journal.folder} cannot be written: No space left on device")):
        journal.save(Checkpoint(100, Fraction(4), large))
    assert sorted(path.name for path in journal.folder.iterdir()) == ["000050.safetensors", "job.json"]
    assert [point.index for point in journal.checkpoints()] == [50]


def test_second_run_is_refused_while_one_goes_on(left: tuple[Path, str, Journal]) -> None:
    output, codec, journal = left
    kept, _ = goes_on(journal)
    with sink_at(output, codec, kept), pytest.raises(Exception, match="would be written under the same name"):
        OutputLock(output).acquire()
