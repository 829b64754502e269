"""The frames of a shard: those of the film, with their times, or an error."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from livedream.capture.video import VideoSource
from livedream.farm.film_part import FilmPart, PlannedFramesError
from livedream.farm.workspace import Workspace
from tests.farm.films import planned


@pytest.fixture(scope="module")
def work(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return planned(tmp_path_factory.mktemp("plan"), film, seconds="2")


@pytest.mark.parametrize("whole", [False, True])
def test_the_frames_of_all_shards_are_those_of_the_film(whole: bool, film: Path, work: Workspace) -> None:
    (of,) = work.manifest.films
    with VideoSource(film) as source:
        expected = list(source)
    found = []
    for shard in of.shards:
        with FilmPart(film, of, shard, whole=whole) as part:
            frames = list(part)
        assert [frame.index for frame in frames] == list(range(shard.frames))
        found += frames
    assert [frame.time for frame in found] == [frame.time for frame in expected]
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(found, expected, strict=True))
    assert [frame.duration for frame in found] == [frame.duration for frame in expected]


def test_frames_that_are_skipped_count(film: Path, work: Workspace) -> None:
    film_of, shard = work.manifest.shard(2)
    with FilmPart(film, film_of, shard) as part:
        part.skip(5)
        assert next(iter(part)).index == 5


def test_other_frames_are_noticed_at_the_first_and_at_the_end(film: Path, work: Workspace) -> None:
    film_of, shard = work.manifest.shard(2)
    with FilmPart(film, film_of, dataclasses.replace(shard, begin="0" * 32)) as part, pytest.raises(PlannedFramesError):
        next(iter(part))
    with FilmPart(film, film_of, dataclasses.replace(shard, digest="0" * 32)) as part:
        frames = iter(part)
        for _ in range(shard.frames):
            next(frames)
        with pytest.raises(PlannedFramesError, match="has changed: the frames of shard 2 are not those"):
            next(frames)


def test_a_film_that_is_too_short_or_of_another_size(film: Path, work: Workspace) -> None:
    film_of, shard = work.manifest.shard(len(work.manifest.shards))
    longer = dataclasses.replace(shard, frames=shard.frames + 1)
    with FilmPart(film, film_of, longer) as part, pytest.raises(PlannedFramesError):
        list(part)
    with pytest.raises(PlannedFramesError):
        FilmPart(film, dataclasses.replace(film_of, size=(16, 16)), shard)


def test_the_warm_up_comes_before(film: Path, work: Workspace) -> None:
    film_of, shard = work.manifest.shard(2)
    with VideoSource(film) as source:
        expected = [frame.time for frame in source][shard.first - 3 : shard.first]
    with FilmPart(film, film_of, dataclasses.replace(shard, warm_up=3)) as part:
        assert [frame.time for frame in part.warm_up()] == expected
        assert next(iter(part)).time == shard.time
