"""What a page may ask for, and saved presets."""

import pytest

from livedream.errors import ArgumentError
from livedream.presets import load_preset, parse_preset
from livedream.settings import DreamSettings
from livedream.studio.session import looks
from livedream.studio.session.looks import OwnPresets, all_presets, check_files, look_text

LIVE = DreamSettings()


@pytest.mark.parametrize(
    "controls",
    [
        {"layers": "fire6 + mask:/etc/passwd"},
        {"layers": "guide:photo.jpg@fire6"},
        {"layers": "direction(fire6,dogs.npy)"},
        {"weights": "/etc/shadow"},
        {"weights": "../secret.pt"},
        {"layers": "fire6 + mask:../../secret.png"},
    ],
)
def test_a_page_cannot_name_files(controls) -> None:
    with pytest.raises(ArgumentError, match="cannot name"):
        check_files(LIVE.replace(**controls), LIVE)


def test_files_that_the_command_line_named_stay() -> None:
    started = LIVE.replace(layers="fire6 + mask:face.png", weights="mine.pt")
    assert check_files(started.replace(strength=2), started) == started.replace(strength=2)


def test_masks_and_names_are_no_files() -> None:
    wanted = LIVE.replace(layers="dogs + 0.5*knitwear + mask:person")
    assert check_files(wanted, LIVE) == wanted


def test_a_saved_preset_comes_back_as_it_was(tmp_path) -> None:
    own, settings = OwnPresets(tmp_path / "presets"), load_preset("coral").replace(strength=1.7, seed=5)
    own.save("my-coral", settings)
    assert own.names() == ["my-coral"]
    assert OwnPresets(tmp_path / "presets").load("my-coral") == settings
    assert all_presets(own)["my-coral"] == settings
    own.delete("my-coral")
    assert own.names() == []


@pytest.mark.parametrize("name", ["../up", "a/b", "", "A", "-x", "x" * 41, "nul\0", "a.b", "ümlaut", " "])
def test_a_name_is_never_a_path(tmp_path, name) -> None:
    own = OwnPresets(tmp_path / "presets")
    with pytest.raises(ArgumentError):
        own.save(name, LIVE)
    for use in (own.load, own.delete):
        with pytest.raises(ArgumentError):
            use(name)
    assert not list(tmp_path.rglob("*.toml"))


def test_a_preset_of_livedream_is_not_replaced(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="is a preset of livedream"):
        OwnPresets(tmp_path).save("neon", LIVE)


def test_there_is_a_bound(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(looks, "MOST_OWN", 2)
    own = OwnPresets(tmp_path)
    own.save("one", LIVE)
    own.save("two", LIVE)
    own.save("two", LIVE.replace(steps=2))
    with pytest.raises(ArgumentError, match="2 presets already"):
        own.save("three", LIVE)


def test_a_damaged_preset_is_left_out(tmp_path) -> None:
    (tmp_path / "broken.toml").write_text("steps = ")
    assert "broken" not in all_presets(OwnPresets(tmp_path))


def test_a_link_is_no_preset(tmp_path) -> None:
    (tmp_path / "outside").write_text("steps = 2")
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "link.toml").symlink_to(tmp_path / "outside")
    assert OwnPresets(tmp_path / "presets").names() == []


def test_the_text_of_a_look_is_a_preset() -> None:
    settings = load_preset("neon").replace(strength=0.3)
    assert parse_preset(look_text(settings), "look") == settings
