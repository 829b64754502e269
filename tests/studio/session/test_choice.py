"""Which sources are decoded where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from livedream.studio.library.repeated_picture import RepeatedPicture
from livedream.studio.session import choice as module
from livedream.studio.session.choice import Offers, SourceChoice
from tests.studio.library.parts import picture


@pytest.fixture
def file_and_picture(make_clip: Callable[..., Path], tmp_path: Path) -> dict[str, Path]:
    return {"film": make_clip(), "picture": picture(tmp_path / "a.png")}


@pytest.mark.parametrize("id", ["film", "picture"])
def test_a_file_of_the_library_is_not_decoded_here(
    file_and_picture: dict[str, Path], id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody with a link may have uploaded it."""
    monkeypatch.setattr(module, "DemoSource", None)
    monkeypatch.setattr(RepeatedPicture, "read", None)
    offers = Offers(file=lambda id: (f"my {id}", file_and_picture[id]))
    with offers.open(SourceChoice("file", id)) as source:
        assert (source.name, source.size) == (f"my {id}", (64, 48))
        assert next(iter(source)).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("id", ["film", "picture"])
def test_a_file_of_the_command_line_is(
    file_and_picture: dict[str, Path], id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "play", None)
    path = file_and_picture[id]
    with Offers(given=str(path)).open(SourceChoice("given")) as source:
        assert (source.name, source.live, source.size) == (path.name, True, (64, 48))
        assert next(iter(source)).pixels.shape == (48, 64, 3)
