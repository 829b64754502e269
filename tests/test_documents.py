"""Every command and every Python program of README.md and of docs/ runs, and what they state is true.

Each runs in a folder of its own, with small films and pictures under the names that the documents use. What is appended
to a command makes it smaller, or lets it end. Cameras, streams, screens and windows are there: real ones where a test
can have them (streams through the loopback interface, an X server), else what the tests of that part stand on.
"""

import contextlib
import importlib.util
import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import pytest
import torch
from PIL import Image

import livedream as livedream_library
from livedream import models
from livedream.capture import demo
from livedream.capture.live.devices import Camera
from livedream.cli.main import livedream as cli
from livedream.cli.main import main
from livedream.presets import preset_names, tour_presets
from livedream.settings import CONTROLS
from tests.capture.cameras import RtspCamera, Sender, fake_camera, network_camera
from tests.conftest import write_clip
from tests.films import quarters
from tests.networks import random_network
from tests.sink.test_virtual_camera import Device, device  # noqa: F401  a fixture

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(ROOT.glob("docs/**/*.md")))
DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}

NOT_RUN = {
    "scripts/": "tests/test_setup_script.py and the newcomer of tests/test_newcomer.py run them",
    "source ": "tests/test_newcomer.py",
    "pip install ": "it changes the environment of the tests; tests/test_newcomer.py installs the clone",
    "sudo ": "it changes the system",
    "journalctl ": "it needs a system that systemd has started",
    "livedream run screen:2": "the display of the tests has one screen",
    "livedream run --full-screen --monitor 2": "the same",
    "livedream bench": "it measures for minutes; tests/bench/ run it with few frames",
    "livedream studio": "it runs until Ctrl-C; tests/studio/ start it and open its page",
    "export LIVEDREAM_STUDIO_TOKEN": "it belongs to the line after it",
    "livedream farm": "it starts Ray; tests/farm/ do",
    "docker ": "it needs a container engine; tests/test_deployment.py reads the Dockerfile",
}
"""Beginnings of the commands that cannot run here, and why. What they say to livedream is parsed."""
SHORTER = {
    "zoom": ["--length", "0.1"],
    "visualize": ["--size", "32", "--steps", "2"],
    "layers": ["--still-height", "32", "--still-steps", "1"],
}
ATLAS = ["--channels", "1"]
ENDS = ["-t", "0.4"]
"""For what would run until somebody ends it, or as long as its film lasts."""


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the blocks in that language, each with the name of its document."""
    pattern = re.compile(rf"```{language}\n(.*?)```", re.DOTALL)
    return [(name, block) for name, text in DOCUMENTS.items() for block in pattern.findall(text)]


LINES = [line for _, block in blocks("sh") for line in block.splitlines() if line.strip() and line[0] != "#"]
COMMANDS = list(dict.fromkeys(line.split("  #")[0].split(" # ")[0].strip() for line in LINES))
PROGRAMS = [pytest.param(block, id=f"{name} {number}") for number, (name, block) in enumerate(blocks("python"))]


# The place in which they run -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the documents name. film.mp4 has 26 frames in 104 seconds, since a part of it is
    asked for that begins after a minute and a half.
    """
    folder = tmp_path_factory.mktemp("files")
    for name in ("films", "b", "numbered", "livedream/assets", ".config"):
        (folder / name).mkdir(parents=True)
    write_clip(folder / "film.mp4", rate=Fraction(1, 4), frames=26, audio=True)
    for name in ("films/one.mp4", "films/two.mp4", "b/three.mov", "c.mkv", "livedream/assets/demo.mp4"):
        write_clip(folder / name, frames=3, audio=name.endswith("demo.mp4"))
    for name in (
        "photo.jpg",
        "flowers.jpg",
        "sky.png",
        "not-my-face.png",
        "numbered/000000.png",
        "numbered/000001.png",
    ):
        Image.fromarray(quarters()).save(folder / name)
    weights = {name: value.half() for name, value in random_network("resnet50").state_dict().items()}
    weights["fc.weight"], weights["fc.bias"] = torch.zeros(365, 2048).half(), torch.zeros(365).half()
    torch.save({"state_dict": weights}, folder / "resnet50_places365.pth.tar")
    return folder


@pytest.fixture(scope="module")
def addresses(files: Path) -> Iterator[dict[str, str]]:
    """Where there is something, for each address of the documents, and the size of the film there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stream = f"udp://127.0.0.1:{port}"
    with RtspCamera() as camera, network_camera(files) as mjpeg, Sender(f"{stream}?pkt_size=1316"):
        (files / "camera.txt").write_text(f"{camera.address}\n")
        (files / ".config" / "camera").write_text(f"{camera.address}\n")
        (files / ".config" / "server").write_text("udp://127.0.0.1:5000\n")
        yield {
            "rtsp://camera.local/1": camera.address,
            "http://camera.local/video.mjpg": mjpeg,
            "udp://0.0.0.0:5000": stream,
            "rtsp://...": camera.address,
            "1280x720": "64x48",  # of raw pictures
            "rtmp://...": "udp://127.0.0.1:5000",
        }


@pytest.fixture
def here(
    files: Path,
    addresses: dict[str, str],
    xvfb: str,
    device: type[Device],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The current folder, with those files, the home of a user with a camera and a virtual one."""
    folder = shutil.copytree(files, tmp_path / "here", copy_function=os.link)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for module in (demo, livedream_library):
        monkeypatch.setattr(module, "demo_clip", folder / "livedream" / "assets" / "demo.mp4")
    camera = Camera(0, "Logitech C922 Pro Stream Webcam", "/dev/video0")
    monkeypatch.setattr("livedream.capture.live.devices.list_cameras", lambda: [camera])
    fake_camera(monkeypatch, list(np.random.default_rng(0).integers(0, 256, (9, 48, 64, 3), np.uint8)), pace=0.03)
    load = models.load

    def load_or_make(name: str, weights: str = models.OFFICIAL, **how: Any) -> torch.nn.Module:
        if weights == models.OFFICIAL and not models.find_network(name).embedded:
            return random_network(name)  # instead of a download
        return load(name, weights, **how)

    monkeypatch.setattr(models, "load", load_or_make)
    return folder


def lasts(words: list[str]) -> bool:
    """Return whether `livedream WORDS` does not end by itself, or plays a film at its own pace."""
    if words[0] != "run" or "--watch" in words or "--manifest" in words:
        return False
    live = [word for word in words[1:2] if word.split(":")[0] in ("0", "demo", "rtsp", "udp", "http", "screen", "C922")]
    return bool(live) or not words[1:] or (words[1].startswith(("-", "/dev/")) and words[1] != "-") or "window" in words


@contextlib.contextmanager
def somebody_who_quits(display: str) -> Iterator[None]:
    """Press q in livedream's window, again and again, until the block ends."""
    done = threading.Event()
    command = ["xdotool", "search", "--onlyvisible", "--name", "livedream", "windowfocus", "key", "q"]

    def press() -> None:
        while not done.wait(0.5):
            subprocess.run(command, env={**os.environ, "DISPLAY": display}, capture_output=True, check=False)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        yield
    finally:
        done.set()
        presser.join()


def plan_and_dream(words: list[str]) -> None:
    """Make what the manifest of a command names: a plan of the films, and all its shards for a join."""
    manifest = "dreams/manifest.toml"
    if manifest in words:
        assert main(["plan", "films/", "--to", "dreams"]) == 0
        for number in (1, 2) if words[0] == "join" else ():
            assert main(["run", "--manifest", manifest, "--shard", f"{number}/2"]) == 0


@contextlib.contextmanager
def descriptor(number: int, of: int) -> Iterator[None]:
    """Let the descriptor `number` be that of `of` during the block."""
    before = os.dup(number)
    os.dup2(of, number)
    try:
        yield
    finally:
        os.dup2(before, number)
        os.close(before)


def livedream(words: list[str], display: str) -> int:
    """Run `livedream WORDS` as far as it is needed, and return its exit code."""
    words = [*words, *SHORTER.get(words[0], []), *(ATLAS if "--atlas" in words else [])]
    plan_and_dream(words)
    watched = "window" in words or "--watch" in words
    if watched and ("photo.jpg" in words or "--loop" in words):  # what has no end
        with somebody_who_quits(display):
            return main(words)
    return main([*words, *ENDS] if lasts(words) else words)


def run(command: str, addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a line of a document as a shell would, but for the addresses; `livedream` in this process."""
    command = command.removeprefix(".venv/bin/")
    words = [
        str(Path(addresses.get(word, word)).expanduser()) if word[:1] == "~" else word for word in shlex.split(command)
    ]
    words = [addresses.get(word, word) for word in words]
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        monkeypatch.setenv(name, addresses.get(value, value))
    display = os.environ["DISPLAY"]
    if "|" not in words:
        assert words[0] == "livedream"
        return livedream(words[1:], display)
    left, right = words[: words.index("|")], words[words.index("|") + 1 :]
    if right[0] == "livedream":
        with subprocess.Popen(left, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as before:
            assert before.stdout
            with descriptor(0, before.stdout.fileno()):
                return livedream(right[1:], display)
    program = [sys.executable, "-m", *left]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        subprocess.run(right, stdin=first.stdout, check=True, capture_output=True)
    return first.returncode


@pytest.mark.needs_display
@pytest.mark.needs_ffmpeg
@pytest.mark.parametrize("command", [each for each in COMMANDS if not each.startswith(tuple(NOT_RUN))])
def test_commands_run(command, here, addresses, monkeypatch, capfd) -> None:
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    assert run(command, addresses, monkeypatch) == 0, capfd.readouterr().err
    assert "Traceback" not in capfd.readouterr().err
    assert all(path.stat().st_mtime_ns == moment for path, moment in before.items() if path.is_file())
    for name in re.findall(r"--to '?([\w-]+\.\w+)", command):
        assert (here / name).stat().st_size > 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run(program, here) -> None:
    with somebody_who_quits(os.environ["DISPLAY"]) if '"window"' in program else contextlib.nullcontext():
        exec(compile(program, "program", "exec"), {"__name__": "__main__"})
    if "python-dream.mp4" in program:
        with av.open("python-dream.mp4") as film, av.open("livedream/assets/demo.mp4") as source:
            assert len(list(film.decode(video=0))) == len(list(source.decode(video=0))) == 3
            assert film.streams.audio


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith(tuple(NOT_RUN))])
def test_words_for_livedream_in_other_commands_are_understood(command) -> None:
    words = shlex.split(command)
    asked = words[words.index("livedream") + 1 :] if "livedream" in words else []
    if asked and asked[0] in cli.commands:
        name, *arguments = asked
        cli.commands[name].make_context(name, arguments)


INLINE = {command for text in DOCUMENTS.values() for command in re.findall(r"`(livedream [^`]+)`", text)}
"""What stands in the middle of a sentence or in a table; capitals stand for something."""


@pytest.mark.parametrize("command", sorted(each for each in INLINE if not re.search("[A-Z]{4}|[|)]", each)))
def test_commands_in_sentences_are_understood(command) -> None:
    name, *arguments = itertools.dropwhile(lambda word: word[0] == "-", shlex.split(command)[1:])
    assert name in cli.commands
    with contextlib.suppress(click.exceptions.Exit):  # --help
        if arguments:  # else only the command is meant
            cli.commands[name].make_context(name, arguments)


def test_every_reason_not_to_run_a_command_is_needed() -> None:
    for beginning in NOT_RUN:
        assert any(command.startswith(beginning) for command in COMMANDS), beginning
    assert len(COMMANDS) > 60


def test_every_key_of_the_controls_is_listed() -> None:
    page = DOCUMENTS["docs/how-to/window.md"]
    table = page[page.index("| keys |") : page.index("Mirror and freeze")]
    for control in CONTROLS:
        if control.keys:
            assert " ".join(f"`{key}`" for key in control.keys) in table or control.kind is str, control.name
            assert control.name.replace("_", " ").removesuffix("s") in table


def test_links_and_pictures_are_there() -> None:
    for name, text in DOCUMENTS.items():
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert "://" in link or (ROOT / name).parent.joinpath(link).exists(), f"{link} in {name}"


PATH = r"(?:livedream|tests|docs|scripts|benchmarks|examples|\.github|\.ci)/[\w./-]*"
TEMPLATES = ("tests/x/", "livedream/x/")
"""What stands for any name."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_in_documents_exist(name) -> None:
    paths = {path for path in re.findall(rf"`({PATH})`", DOCUMENTS[name]) if not path.startswith(TEMPLATES)}
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_modules_in_documents_exist() -> None:
    for name, text in DOCUMENTS.items():
        for module in re.findall(r"python3? -m ((?:livedream|tests|benchmarks)[\w.]*)", text):
            assert importlib.util.find_spec(module), f"{module} in {name}"


def test_documents_that_the_program_names_exist() -> None:
    sources = [*ROOT.glob("livedream/**/*.py"), *ROOT.glob("scripts/*"), *ROOT.glob("docs/*.*"), ROOT / "Dockerfile"]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in sources if path.suffix != ".webp"}
    for path, text in texts.items():
        for named in re.findall(r"\bdocs/[\w/-]+\.md\b", text):
            assert (ROOT / named).exists(), f"{named} in {path}"


def test_every_picture_is_shown_somewhere() -> None:
    for picture in (path for path in ROOT.glob("docs/*.*") if path.suffix in (".jpg", ".webp", ".png", ".svg")):
        assert any(f"{picture.name})" in text for text in DOCUMENTS.values()), picture


# What the documents state -------------------------------------------------------------------------------------------


def test_the_readme_counts_the_presets() -> None:
    assert f"lists the {len(preset_names())} looks" in DOCUMENTS["README.md"]


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {livedream_library.__version__}\n" in citation


def test_the_changelog_has_true_headings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## (.*)$", text, re.M)
    assert releases[0] == "Unreleased" or releases[0].startswith(f"{livedream_library.__version__} - ")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for release in re.split(r"^## .*$", text, flags=re.M)[1:]:
        headings = re.findall(r"^### (.*)$", release, re.M)
        assert set(headings) <= kinds
        assert len(headings) == len(set(headings))


def test_embedded_networks_are_counted() -> None:
    assert len([network for network in models.network_table() if network.embedded]) == 2
    for name, sentence in (
        ("README.md", "Two networks are part of the package"),
        ("docs/tutorial/first-ten-minutes.md", "Two neural networks and the demo video are in the"),
    ):
        assert sentence in DOCUMENTS[name]


def test_presets_that_stay_out_of_tours_are_listed() -> None:
    (line,) = [line for line in DOCUMENTS["docs/reference/live.md"].splitlines() if "`tour = false`" in line]
    assert sorted(re.findall(r"`(\w+)`", line)) == sorted(set(preset_names()) - set(tour_presets()))


def measured(row: str, column: int = 1) -> int:
    """Return a rate of benchmarks/RESULTS.md, in whole frames per second."""
    page = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if line.startswith(f"| {row}"))
    return int(float(line.split("|")[column + 1]))


def test_the_fastest_numbers_are_those_that_were_measured() -> None:
    page = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([^|]*?)(?: \(random weights\))? \| ([\d.]+) \| [\d.]+ \| [\d.]+ \| [\d.]+ \| [\d.]+ \|", page, re.M
    )
    processor = max(int(float(rate)) for name, rate in rows if name.endswith("1280x720"))
    gpu = max(int(float(rate)) for name, rate in rows if name.startswith("GPU") and name.endswith("1920x1080"))
    text = " ".join(DOCUMENTS["README.md"].split())
    assert f"It dreams 1280x720 at up to {processor} frames per second on two CPU cores" in text
    assert f"1920x1080 at up to {gpu} on an NVIDIA H100" in text


def test_the_page_about_speed_states_what_was_measured() -> None:
    text = " ".join(DOCUMENTS["docs/explanation/speed.md"].split())
    film, live = "film, 1280x720", "live, 1280x720"
    assert f"`film` runs at {measured(film)} frames per second end to end, and at {measured(film, 2)} when" in text
    assert f"`live` at {measured(live)} and {measured(live, 2)}." in text
    assert f"GoogLeNet dreams {measured('googlenet, bfloat16, 640x360')} frames of 640x360" in text
    assert f"and {measured('GPU, googlenet, 1920x1080')} of 1920x1080 on an NVIDIA H100" in text
