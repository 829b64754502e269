"""The manifest as a text: complete, and refused when it is changed."""

import dataclasses
from pathlib import Path

import pytest

from livedream.errors import ArgumentError
from livedream.farm.manifest import Manifest, parse_manifest
from tests.farm.films import planned


@pytest.fixture(scope="module")
def manifest(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("plan")
    return planned(folder, film, options=("--quality", "70", "--keep", "0.9", "--warm-up", "3")).manifest


def test_what_is_written_is_read(manifest: Manifest) -> None:
    again = parse_manifest(manifest.text(), "m.toml")
    assert again == manifest
    assert again.id == manifest.id
    assert again.settings.keep == 0.9
    assert again.encoding.quality == 70


def test_a_name_with_quotes_and_other_alphabets(manifest: Manifest) -> None:
    film = dataclasses.replace(manifest.films[0], source='C:\\films\\"a\x7fb" \u00e9\U0001f600.mp4')
    other = dataclasses.replace(manifest, films=(film,))
    assert parse_manifest(other.text(), "m.toml") == other
    assert other.id != manifest.id


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "m.toml has format 2; this version reads format 1"),
        ("format = 1", 'format = "x"', "m.toml is not a manifest; this version reads format 1"),
        ("threads = 1", "threads = 2", "m.toml was changed after it was planned"),
        ('precision = "', 'precision = "x', "m.toml was changed after it was planned"),
        ("keep = 0.9", "keep = 7", "keep"),
        ("[machine]", "[engine]", "m.toml is damaged: KeyError 'device'"),
        ("frames = 200", 'frames = ["x"]', "m.toml"),
        ('seconds = "1"', 'seconds = "1/0"', "m.toml is damaged: ZeroDivisionError"),
        ("[[film]]", "[[film", "m.toml is not a manifest"),
        ("[[film]]", "[film]", "m.toml"),
    ],
)
def test_what_is_refused(old: str, new: str, message: str, manifest: Manifest) -> None:
    text = manifest.text()
    assert old in text
    with pytest.raises(ArgumentError) as caught:
        parse_manifest(text.replace(old, new, 1), "m.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_any_damage_is_one_line(manifest: Manifest) -> None:
    """Each line left out, and each cut in the middle."""
    lines = manifest.text().splitlines(keepends=True)
    for number, line in enumerate(lines):
        for instead in ("", line[: len(line) // 2] + "\n"):
            text = "".join([*lines[:number], instead, *lines[number + 1 :]])
            if line.strip() and not line.startswith("#") and instead.strip() != line.strip():
                with pytest.raises(ArgumentError):
                    parse_manifest(text, "m.toml")


def test_an_unknown_shard(manifest: Manifest) -> None:
    with pytest.raises(ArgumentError, match="there is no shard 99"):
        manifest.shard(99)


@pytest.mark.parametrize("target", ["../film.mkv", "/tmp/film.mkv", "a/b.mkv", "..\\film.mkv", ""])
def test_a_result_stays_in_the_folder(target: str, manifest: Manifest) -> None:
    """Also of a manifest that somebody else has made, with the right id."""
    film = dataclasses.replace(manifest.films[0], target=target)
    text = dataclasses.replace(manifest, films=(film,)).text()
    with pytest.raises(ArgumentError, match="is not the name of a file"):
        parse_manifest(text, "m.toml")
