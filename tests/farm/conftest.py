"""One film for all tests of the farm, and the result of its single run."""

from pathlib import Path

import pytest

from livedream.cli.main import main
from tests.farm.films import FFV1, LOOK, write_film


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film with ten cuts, variable frame rate and sound."""
    return write_film(tmp_path_factory.mktemp("farm") / "film.mp4")


@pytest.fixture(scope="session")
def single(film: Path) -> Path:
    """What a single run makes of `film`, lossless."""
    target = film.with_name("single.mkv")
    assert main(["-q", "run", str(film), "-o", str(target), *FFV1, *LOOK]) == 0
    return target
