"""Recipes as text: what is written down is read again, whatever is in it."""

import tomllib
from pathlib import Path

import pytest

from livedream import ArgumentError, DreamSettings, SourceError, load_preset
from livedream.presets import parse_preset
from livedream.recipe import ENDS, Recipe, about, fingerprint
from livedream.settings import CONTROLS
from livedream.sink.lock import OutputLock
from livedream.sink.names import old_recipe_beside, recipe_beside, recipe_in_folder
from livedream.sink.sidecar import write_beside

ODD = "fire6 \"in quotes\" \\ back\n[livedream]\tä 🐶 # \x7f \x00 = '''"


def other(control):
    """A value that is not the default."""
    if control.choices:
        return next(choice for choice in control.choices if choice != control.default)
    return ODD if control.kind is str else control.kind(control.low if control.low != control.default else control.high)


def test_every_control_is_read_as_it_was_written() -> None:
    settings = DreamSettings(**{control.name: other(control) for control in CONTROLS})
    text = Recipe(settings=settings, source=ODD, fingerprint="12", used="cpu", options={"codec": ODD}).text(frames=3)
    assert parse_preset(text, "x") == settings
    assert about(text)["source"] == about(text)["options"]["codec"] == ODD
    assert about(text)["frames"] == 3


def test_only_what_differs_is_written() -> None:
    text = Recipe(settings=DreamSettings(layers="fire9", strength=0.1), source="a.mp4").text(complete=True)
    head, table = text.split("\n\n")
    assert head == 'layers = "fire9"\nstrength = 0.1'
    assert list(tomllib.loads(table)["livedream"]) == ["version", "defaults", "source", "complete"]
    assert Recipe(settings=DreamSettings()).text().startswith("[livedream]\n")


def test_a_name_that_is_no_text() -> None:
    assert about(Recipe(settings=DreamSettings(), source="a\udcff.mp4").text())["source"] == "a?.mp4"


@pytest.mark.parametrize("text", ["", "a comment", "livedream = 3", "[livedream", 'steps = 2\nlayers = "fire6"'])
def test_what_is_no_recipe(text) -> None:
    assert about(text) == {}


def test_a_recipe_with_an_unknown_control_is_refused(tmp_path) -> None:
    path = tmp_path / "out.toml"
    path.write_text(f"{Recipe(settings=DreamSettings()).text()}")
    assert load_preset(str(path)) == DreamSettings()
    path.write_text(f"stepz = 2\n{path.read_text()}")
    with pytest.raises(ArgumentError, match="unknown control: stepz"):
        load_preset(str(path))


def test_differences() -> None:
    one = Recipe(settings=DreamSettings(steps=2), fingerprint="1", source="a", used="cpu", options={"start": "1"})
    same = Recipe(settings=DreamSettings(steps=2), fingerprint="1", source="b", used="cuda", options={"start": "1"})
    assert one.differences(same.text(frames=9, complete=True)) == []
    far = Recipe(settings=DreamSettings(keep=0.5), fingerprint="2", options={"end": "1"})
    assert one.differences(far.text()) == ["steps", "keep", "source", "start", "end"]


def test_fingerprints(tmp_path) -> None:
    def written(name, data):
        (tmp_path / name).write_bytes(data)
        return fingerprint([tmp_path / name])

    long = bytes(3 * ENDS)
    assert written("a", long) == written("b", long)
    prints = [written("a", data) for data in (b"", b"x", b"y", long, long + b"x", b"x" + long[1:], long[1:] + b"x")]
    assert len(set(prints)) == len(prints)
    assert fingerprint([]) == ""
    with pytest.raises(SourceError, match="nothing: No such file"):
        fingerprint([Path("nothing")])


def test_where_it_stands() -> None:
    assert recipe_in_folder(Path("a/out")) == Path("a/out/recipe.toml")
    assert recipe_beside(Path("a/out.png")) == Path("a/out.png.toml")
    assert old_recipe_beside(Path("a/out.mp4")) == Path("a/out.toml")


def test_a_file_that_is_no_recipe_stays(tmp_path, caplog) -> None:
    path = tmp_path / "out.toml"
    with OutputLock(tmp_path / "out.mp4") as lock:
        for foreign in (b"steps = 2\n", b"\xff\xfe"):
            path.write_bytes(foreign)
            for overwrite in (False, True):
                recipe = Recipe(settings=DreamSettings())
                write_beside(path, recipe, lock, frames=1, complete=True, overwrite=overwrite)
                assert path.read_bytes() == foreign
                assert str(path) in caplog.text
                caplog.clear()
        path.unlink()
        for frames in (1, 2):
            write_beside(path, Recipe(settings=DreamSettings()), lock, frames=frames, complete=True)
    assert about(path.read_text())["frames"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["out.toml"]
    assert not caplog.text


def test_a_recipe_that_was_edited_stays_unless_it_may_be_replaced(tmp_path, caplog) -> None:
    path = tmp_path / "out.toml"
    with OutputLock(tmp_path / "out.mp4") as lock:
        write_beside(path, Recipe(settings=DreamSettings()), lock, frames=1, complete=True)
        windows = path.read_bytes().replace(b"\n", b"\r\n")  # as git may check it out; nobody has edited it
        path.write_bytes(windows)
        write_beside(path, Recipe(settings=DreamSettings(steps=3)), lock, frames=1, complete=True)
        assert path.read_bytes() != windows
        assert not caplog.text
        edited = path.read_text().replace("steps = 3", "steps = 4")
        path.write_text(edited)
        write_beside(path, Recipe(settings=DreamSettings(steps=3)), lock, frames=1, complete=True)
        assert path.read_text() == edited
        assert "out.toml was edited and is left as it is" in caplog.text
        write_beside(path, Recipe(settings=DreamSettings(steps=3)), lock, frames=1, complete=True, overwrite=True)
    assert "steps = 3" in path.read_text()
