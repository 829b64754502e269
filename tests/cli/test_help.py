"""What help says: groups of at most a screen, the options that a command has, their defaults, and examples that run."""

import itertools
import shlex
from fractions import Fraction
from pathlib import Path

import click
import pytest
from PIL import Image

from livedream.cli.help import GROUPS, GroupedCommand
from livedream.cli.main import livedream, main
from livedream.settings import CONTROLS
from tests.conftest import count_frames, write_clip

SCREEN = 30
"""Lines."""
GROUPED = {name: command for name, command in livedream.commands.items() if isinstance(command, GroupedCommand)}


def context_of(name: str) -> click.Context:
    """Return the context in which the command called `name` is run."""
    root = click.Context(livedream, info_name="livedream", **livedream.context_settings)
    return click.Context(livedream.commands[name], parent=root, info_name=name)


def shown_groups(command: str, width: int, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Return the lines of each group of the help of `command`, by its heading."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        assert main(["help", command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    groups: dict[str, list[str]] = {"": []}
    for line in lines:
        if line.startswith("--- "):
            groups[line.strip("- ")] = []
        groups[list(groups)[-1]].append(line)
    return groups


def shown_lines(command: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    return list(itertools.chain.from_iterable(shown_groups(command, 80, capsys).values()))


def flags(lines: list[str]) -> list[str]:
    """Return the options that these lines of a help list."""
    return [line.split()[0].rstrip(",") for line in lines if line.startswith("  -")]


@pytest.mark.parametrize("width", [80, 120])
def test_each_group_fits_on_a_screen(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    groups = shown_groups("run", width, capsys)
    assert list(groups) == ["", *GROUPS, "Examples"]
    assert {heading for heading, lines in groups.items() if len(lines) > SCREEN} == set()


@pytest.mark.parametrize("name", GROUPED)
def test_every_option_is_listed_once_in_a_group_that_names_it(name: str) -> None:
    command = GROUPED[name]
    groups = command.options_by_group(context_of(name))
    listed = [option for options in groups.values() for option in options]
    assert len({id(option) for option in listed}) == len(listed)
    assert {option.opts[0] for option in command.params if isinstance(option, click.Option)} <= {
        option.opts[0] for option in listed
    }
    for heading, options in groups.items():
        for option in options:
            assert {*option.opts, *option.secondary_opts} & set(command.groups[heading]), option.opts


def test_defaults_are_those_of_the_presets(capsys: pytest.CaptureFixture[str]) -> None:
    """As film.toml, live.toml, still.toml and dive.toml have them."""
    texts = {
        command: " ".join(" ".join(shown_lines(command, capsys)).split())
        for command in ("run", "zoom", "layers", "demo", "visualize")
    }
    assert (
        "--natural-color 0-2 Neon (0), muted (1), brightness only (2) [default: film 0.35, live 0.45, still 0.8]"
        in (texts["run"])
    )
    assert "--keep 0-0.999 Share of the dream kept per frame [default: film 0.99, live 0.985]" in texts["run"]
    assert "--still-steps 1-500 Steps per octave of a picture [default: 15]" in texts["run"]
    assert (
        "--coarseness -1..2 Higher: large forms; lower: detail [default: film 0.7, live 0.6, still 0.9]" in texts["run"]
    )
    assert "--zoom 0.8-1.25 Growth of the dream per frame [default: 1.01]" in texts["zoom"]
    assert "brightness only (2) [default: 0.8]" in texts["layers"]
    assert "brightness only (2) [default: 0.35]" in texts["demo"]
    assert "--layers NAMES Layers, separated by spaces [default: each block]" in texts["layers"]
    assert "--device auto|cpu|cuda|mps Processor that runs the network [default: auto]" in texts["visualize"]


def test_each_command_lists_the_controls_that_it_uses(capsys: pytest.CaptureFixture[str]) -> None:
    of_controls = {f"--{control.name.replace('_', '-')}" for control in CONTROLS}
    listed = {name: of_controls.intersection(flags(shown_lines(name, capsys))) for name in GROUPED}
    of_pictures = {"--still-steps", "--smallest-octave", "--still-height", "--tile-size"}
    of_films = {"--steps", "--octaves", "--working-height", "--keep", "--flow-scale", "--temporal-smoothing"}
    of_films |= {"--still-scene", "--zoom", "--rotate", "--motion-seconds"}
    of_masks = {"--mask", "--mask-feather", "--mask-strength", "--motion-seconds", "--no-person"}
    assert listed["run"] == of_controls
    assert listed["demo"] == of_controls - of_pictures
    assert listed["layers"] == of_controls - of_films
    assert of_controls - listed["zoom"] == (
        {"--still-steps", "--smallest-octave", "--tile-size", "--working-height", "--keep", "--flow-scale"}
        | {"--temporal-smoothing", "--still-scene", "--strength"}
        | of_masks
    )


@pytest.mark.parametrize("name", GROUPED)
def test_the_examples_are_command_lines(name: str) -> None:
    for _, line in GROUPED[name].examples:
        words = shlex.split(line)
        assert words[:2] == ["livedream", name]
        GROUPED[name].make_context(name, words[2:], parent=context_of(name).parent)


def test_the_examples_of_run_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the film that comes along for a camera, nothing for a window, and in little time."""
    lines = [line.strip() for line in shown_groups("run", 80, capsys)["Examples"] if line.startswith("  livedream ")]
    assert len(lines) == 5
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "film.mp4", frames=101, rate=1)
    Image.new("RGB", (64, 48), "teal").save("photo.jpg")
    (tmp_path / "folder").mkdir()
    write_clip(tmp_path / "folder" / "a.mp4", frames=2)
    in_place_of = {"0": "demo", "window": "null", "1m": "1s"}
    for line in lines:
        name, *words = (in_place_of.get(word, word) for word in shlex.split(line))
        assert name == "livedream"
        controls = ["--still-steps", "1", "--still-height", "32"]
        if "photo.jpg" not in words:
            controls = ["--working-height", "32", "--octaves", "1"]
        assert main([*words, *controls]) == 0, line
        assert "warning: " not in capsys.readouterr().err
    assert count_frames(Path("film-dream.mp4")) == 101
    assert count_frames(Path("coral.webm")) == 10
    assert Path("photo-dream.png").exists() and Path("dreams/a-dream.mp4").exists()
    assert 0 < count_frames(Path("take.mp4")) <= 25 * Fraction(1)
