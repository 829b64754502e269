"""Where a window appears, and how, by options. The window: tests/sink/window/test_full_screen.py."""

import pytest

from livedream.cli.main import main
from livedream.cli.window_options import parse_position, take_placement
from livedream.errors import ArgumentError
from livedream.sink.window.placement import Placement


def test_what_is_asked_for() -> None:
    nothing = {"full_screen": False, "monitor": None, "position": None, "window_title": None}
    options = {"keep": "0.9", **nothing}
    assert take_placement(options) is None
    assert options == {"keep": "0.9"}
    asked = {"full_screen": True, "monitor": 2, "position": " -10, 20", "window_title": "Bühne"}
    assert take_placement(asked) == Placement(full_screen=True, monitor=2, position=(-10, 20), title="Bühne")
    assert take_placement({**nothing, "full_screen": True}) == Placement(full_screen=True)


@pytest.mark.parametrize("text", ["", "10", "10x20", "1,2,3", "a,b", "1.5,2"])
def test_wrong_positions(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"invalid position .*: expected X,Y"):
        parse_position(text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run film.mp4 --full-screen --to out.mp4", "--full-screen has no effect without a window"),
        ("run film.mp4 --monitor 1 --position 3,4", "--monitor and --position have no effect without a window"),
        ("run film.mp4 film.mp4 other.mp4 --window-title A", "--window-title has no effect without a window"),
        ("zoom photo.png --full-screen", "--full-screen has no effect without a window"),
        ("run film.mp4 --to window --position 3", "invalid position '3': expected X,Y"),
        ("run film.mp4 --to window --window-title=", "--window-title is empty"),
    ],
)
def test_what_has_no_effect_or_is_wrong_is_refused(
    words: str, said: str, make_clip, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip("film.mp4", frames=2)
    make_clip("other.mp4", frames=2)
    assert main(words.split()) == 2
    assert f"error: {said}\nhint: " in capsys.readouterr().err


@pytest.mark.needs_display
def test_a_monitor_that_is_not_there(xvfb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command, number in (("run demo --to window", 2), ("demo", 2), ("run demo --to window", 0)):
        assert main([*command.split(), "--monitor", str(number)]) == 1
        expected = f"error: there is no monitor {number}\nhint: choose one of these: 1 (1280x800 at 0,0)\n"
        assert capsys.readouterr().err.endswith(expected)
