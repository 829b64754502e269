"""Presets, recipes, guides and masks of strangers: one line each, within bounds, and nothing that waits."""

import os
import socket
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from livedream.capture.embedded_recipe import embedded_recipe
from livedream.cli.main import main
from livedream.cli.tasks.batch_plan import hindrance, plan
from livedream.dream.objective.terms import _read_vector
from livedream.errors import ArgumentError, LivedreamError, SourceError
from livedream.image import MOST_PIXELS, read_image, read_mask
from livedream.pipeline.checkpoints import Journal
from livedream.presets import load_preset, parse_preset
from livedream.recipe import Recipe, about, fingerprint
from livedream.settings import DreamSettings
from livedream.sink.lock import OutputLock
from livedream.sink.sidecar import write_beside
from livedream.untrusted import parse_toml

SECONDS = 5.0
"""That one file may take, on two busy cores; each took minutes or gigabytes, or raised what nobody caught."""

BAD = {
    "digits": "steps = " + "9" * 5000,
    "hexadecimal": "steps = 0x" + "f" * 100_000,
    "brackets": "x = " + "[" * 900 + "]" * 900,
    "open brackets": "x = " + "[" * 900,
    "tables": "x = " + "{a=" * 900,
    "keys": ".".join("a" * 20_000) + " = 1",
    "keys in quotes": " . ".join(['"a"'] * 20_000) + " = 1",
    "headers": "[" + ".".join("a" * 20_000) + "]",
    "many keys": "".join(f"k{number} = 1\n" for number in range(50_000)),
    "escapes": '"\\' * 60_000,
    "quotes": "'\n" * 60_000,
    "a table for a number": "[steps]\na = 1",
    "a number for a table": "livedream = 3",
    "a list for a table": "[[livedream]]\nx = 1",
    "a date": "steps = 2020-01-01",
    "a list": "layers = ['fire6']",
    "a list of 10,000": f"steps = [{'1,' * 10_000}]",
    "a description that is a table": "[description]\nx = 1",
    "a tour that is text": 'tour = "no"',
    "infinity": "step_size = inf",
    "no number": "step_size = nan",
    "a key of 1,000 letters": f"{'k' * 1000} = 1",
    "a key with an escape": '"\\u001b[31m\\nerror: forged" = 1',
    "many terms": f'layers = "{"fire6 + " * 50_000}fire6"',
    "another machine": 'weights = "\\\\\\\\server\\\\share\\\\x.pth"',
    "a guide of another machine": 'layers = "guide://server/x.png@fire6"',
}


@pytest.fixture(autouse=True)
def _soon() -> object:
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_bad_preset_is_one_line_with_its_file(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert main(["run", "demo", "--preset", str(path), "--to", str(tmp_path / "x.mp4")]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ") and str(path) in error and len(error) < 600
    assert hint.startswith("hint: ")
    assert about(text) in ({}, 3) or "x" in about(text)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_beside_a_film_it_concerns_that_film_alone(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch died before it began."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4", "a-dream.mp4"):
        Path(name).write_bytes(b"film")
    Path("a-dream.toml").write_text(text + "\n[livedream]\ncomplete = true\n")
    Path("b.toml").write_text(text)
    first, second = plan(["a.mp4", "b.mp4"])
    recipe = Recipe(settings=DreamSettings())
    assert "exists already" in (hindrance(first, recipe) or "")
    assert hindrance(second, recipe) is None
    with OutputLock(Path("b.mp4")) as lock:
        write_beside(Path("b.toml"), recipe, lock, frames=1, complete=True)


def test_bounds_leave_room_for_what_is_real() -> None:
    deep = "x = " + "[" * 15 + "]" * 15
    assert parse_toml(deep + f"\n{'.'.join('a' * 15)} = 1\nf = 1.2345678901234567890123456789e-300\n", "x")
    assert parse_toml('s = """\n[[[[[ ' + ". " * 500 + '\n"""\n# ' + "[" * 500, "x")
    layers = "direction(fire9, " + ", ".join(f"{number}:0.123456" for number in range(4096)) + ")"
    assert parse_preset(Recipe(settings=DreamSettings(layers=layers)).text(), "x").layers == layers


def png(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    Image.new("RGB", (8, 8)).save(path)
    data = path.read_bytes()
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    path.write_bytes(data[:33] + made + data[33:])  # behind the header
    return path


@pytest.mark.parametrize("kind", ["zTXt", "iTXt"])
def test_text_in_a_png_that_swells_is_refused(kind: str, tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(300_000_000), 9)
    head = b"livedream\0\0" if kind == "zTXt" else b"livedream\0\1\0\0\0"
    with pytest.raises(LivedreamError):
        embedded_recipe(png(tmp_path / "a.png", (kind.encode(), head + bomb)))


@pytest.mark.parametrize("name", ["digits", "brackets", "keys", "a number for a table", "a table for a number"])
def test_a_bad_recipe_in_a_png_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    info = PngInfo()
    info.add_text("livedream", f"{BAD[name]}\n" if "table" in name else f"{BAD[name]}\n[livedream]\nx = 1\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    assert main(["run", "demo", "--preset", str(tmp_path / "a.png"), "--to", str(tmp_path / "x.mp4")]) in (1, 2)
    error, _ = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "a.png") in error


@pytest.fixture(params=["pipe", "socket", "device", "folder"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """What is there under a name, and is no regular file."""
    path = tmp_path / "x"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.relpath(path))  # 108 letters at most
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    return path, request.param


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_only_regular_files_are_opened(no_file: tuple[Path, str], tmp_path: Path) -> None:
    path, kind = no_file
    named = {suffix: tmp_path / f"y{suffix}" for suffix in (".toml", ".png", ".mp4")}
    for link in named.values():
        link.symlink_to(path)
    for read in (load_preset, embedded_recipe, read_image, read_mask, _read_vector):
        for link in named.values():
            error = ArgumentError if read is load_preset and link.suffix == ".toml" else SourceError
            with pytest.raises(error, match=f"it is a {kind}|is not a regular file|is a folder"):
                read(link)
    with pytest.raises(SourceError, match=f"it is a {kind}"):
        fingerprint([path])
    with OutputLock(tmp_path / "y.mkv") as lock:
        write_beside(named[".toml"], Recipe(settings=DreamSettings()), lock, frames=1, complete=True)
    assert named[".toml"].is_symlink()


@pytest.mark.parametrize("content", [b"[1, 2]", b"3", b"[" * 100_000, b"\xff", b'"x"'])
def test_a_journal_that_is_none_is_one_line(content: bytes, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.part.mp4", {"steps": "1"})
    journal.begin()
    (tmp_path / "a.part.resume" / "job.json").write_bytes(content)
    with pytest.raises(ArgumentError, match="cannot be read"):
        journal.check()


def test_vectors_are_vectors(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, np.arange(3.0))
    assert _read_vector(path).tolist() == [0, 1, 2]
    huge = path.read_bytes().replace(b"(3,), }", b"(10000000000,), }"[:7])
    for content in (huge[:100], b"PK\x03\x04", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, bytes(5 << 20)):
        path.write_bytes(content)
        with pytest.raises(SourceError, match="is not a vector of numbers"):
            _read_vector(path)
    np.save(path, np.array([1j, 2]))
    with pytest.raises(SourceError, match="is not a vector of numbers"):
        _read_vector(path)
    np.savez(tmp_path / "v.npz", x=np.zeros(3))
    with pytest.raises(SourceError, match="is not a vector of numbers"):
        _read_vector(tmp_path / "v.npz")


def test_a_guide_and_a_mask_have_bounds(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (9000, 9000)).save(path)
    assert path.stat().st_size < 20_000
    for read in (read_mask, lambda path: read_image(path, MOST_PIXELS)):
        with pytest.raises(SourceError, match="has too many pixels: 9000x9000"):
            read(path)


def test_a_program_is_no_picture(tmp_path: Path) -> None:
    """Pillow would have Ghostscript run it."""
    path = tmp_path / "guide.png"
    Image.new("RGB", (8, 8)).save(path, "eps")
    with pytest.raises(SourceError, match="is not a picture"):
        read_image(path)
