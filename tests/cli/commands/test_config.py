"""Persistent settings: LIVEDREAM_* variables and the config file, below the command line and above the presets."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livedream.cli.config_defaults import KEYS_OF
from livedream.cli.main import livedream, main
from livedream.cli.tasks import dream, last_settings
from livedream.cli.tasks.recipes import choose_settings
from livedream.configuration import config_file, persistent_settings
from livedream.settings import DreamSettings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own for config, state and files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_config(text: str | bytes) -> Path:
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class Plain:
    """Stands in for the Dreamer, and keeps the settings with which a run begins."""

    description = "plain"
    began: DreamSettings

    def __init__(self, settings: DreamSettings) -> None:
        Plain.began = self.settings = settings

    def prepare(self, size: tuple[int, int], still: bool = False, *, soon: bool = False) -> None:
        pass

    def __call__(self, picture: Any) -> Any:
        return picture


@pytest.fixture
def settings_of_run(make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., DreamSettings]:
    """Return the settings with which `livedream run FILM` begins."""
    monkeypatch.setattr(dream, "new_dreamer", Plain)
    clip = str(make_clip(frames=2))

    def run(*options: str) -> DreamSettings:
        assert main(["run", clip, "--to", "null", *options]) == 0
        return Plain.began

    return run


def test_config_file_is_that_of_the_user(folder: Path) -> None:
    assert config_file() == folder / "config" / "livedream" / "config.toml"


def test_command_line_then_variable_then_file_then_default(
    settings_of_run: Callable[..., DreamSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_of_run().precision == "auto"
    write_config('precision = "bfloat16"\npreset = "neon"\nmodel = "squeezenet"\ndevice = "cpu"\n')
    of_file = settings_of_run()
    assert (of_file.precision, of_file.model, of_file.device) == ("bfloat16", "squeezenet", "cpu")
    assert of_file.step_size == choose_settings("neon", {}).step_size
    monkeypatch.setenv("LIVEDREAM_PRECISION", "float32")
    monkeypatch.setenv("LIVEDREAM_PRESET", "origami")
    of_variable = settings_of_run()
    assert (of_variable.precision, of_variable.device) == ("float32", "cpu")
    assert of_variable.step_size == choose_settings("origami", {}).step_size
    typed = settings_of_run("--precision", "float16", "--preset", "film")
    assert typed.precision == "float16"
    assert typed.step_size == choose_settings("film", {}).step_size


def test_auto_and_empty_variables(
    settings_of_run: Callable[..., DreamSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` takes back what the file says, and leaves what a preset says; an empty variable is as good as none."""
    write_config('precision = "bfloat16"\n')
    monkeypatch.setenv("LIVEDREAM_PRECISION", "")
    assert settings_of_run().precision == "bfloat16"
    monkeypatch.setenv("LIVEDREAM_PRECISION", "auto")
    assert settings_of_run().precision == "auto"
    Path("mine.toml").write_text('precision = "float32"\n', encoding="utf-8")
    assert settings_of_run("--preset", "mine.toml").precision == "float32"


def test_a_preset_file_keeps_its_network(
    settings_of_run: Callable[..., DreamSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the model is chosen at the same level, or above."""
    Path("mine.toml").write_text('layers = "fire6"\n', encoding="utf-8")
    write_config('model = "efficientnet_lite0"\ndevice = "cpu"\n')
    of_file = settings_of_run("--preset", "mine.toml")
    assert (of_file.model, of_file.layers, of_file.device) == ("auto", "fire6", "cpu")
    monkeypatch.setenv("LIVEDREAM_PRESET", "mine.toml")
    assert settings_of_run().layers == "fire6"
    monkeypatch.setenv("LIVEDREAM_MODEL", "efficientnet_lite0")
    assert settings_of_run().model == "efficientnet_lite0"
    assert settings_of_run("--preset", "mine.toml").layers == "fire6"


def test_preset_beside_the_config_file(settings_of_run: Callable[..., DreamSettings]) -> None:
    write_config('preset = "mine.toml"\n').with_name("mine.toml").write_text("steps = 7\n", encoding="utf-8")
    assert settings_of_run().steps == 7


def test_a_preset_comes_before_the_last_live_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As --preset does; the other choices are laid over it."""

    class Stopping(Plain):
        def __call__(self, picture: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return picture

    monkeypatch.setattr(dream, "new_dreamer", Stopping)
    live = choose_settings("live", {})
    last_settings.remember(live, live.replace(strength=2.5))
    write_config('device = "cpu"\n')
    assert main(["run", "demo", "--to", "null"]) == 130
    assert Plain.began == live.replace(strength=2.5, device="cpu")
    write_config('device = "cpu"\npreset = "neon"\n')
    assert main(["run", "demo", "--to", "null"]) == 130
    assert Plain.began == choose_settings("neon", {"device": "cpu"})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('device = "gpu"', ": device must be auto, cpu, cuda or mps, got 'gpu'", "use one of these values"),
        ("device = 1", ": device must be auto, cpu, cuda or mps, got 1", "use one of these values"),
        ("model = 1", ": model must be text, got 1", "use one of these values"),
        ('model = "vgg61"', ": unknown network: vgg61", "did you mean vgg19 or vgg16?"),
        ('preset = "neno"', ": unknown preset: neno", "did you mean neon?"),
        ('preset = "no.toml"', ": no such preset file: ", "check the name"),
        ("preset = []", ": preset must be text, got []", "put a name in quotes"),
        ('devcie = "cpu"', ": unknown key: devcie", "did you mean device"),
        ("steps = 3", ": steps cannot be set here", "your own preset"),
        ("device = ", " is not TOML: Invalid value (at ", 'write lines such as device = "cpu"'),
        (b"\xff\xfed\x00", " cannot be read: it is not UTF-8 text", "repair or remove it"),
    ],
)
def test_wrong_files(text: str | bytes, message: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_config(text)
    for command in (["run", "demo"], ["config"]):
        assert main(command) == 2
        error, told, *more = capsys.readouterr().err.splitlines()
        assert error.startswith(f"error: {path}{message}")
        assert hint in told
        assert more == []


def test_file_that_is_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    config_file().mkdir(parents=True)
    assert main(["run", "demo"]) == 2
    assert "config.toml cannot be read: it is a folder, not a file" in capsys.readouterr().err


def test_byte_order_mark_and_line_ends_of_windows() -> None:
    write_config(b'\xef\xbb\xbfdevice = "cpu"\r\nprecision = "float32"\r\n')
    assert {key: choice.value for key, choice in persistent_settings().items()} == {
        "device": "cpu",
        "precision": "float32",
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LIVEDREAM_DEVICE", "gpu", "LIVEDREAM_DEVICE: device must be auto, cpu, cuda or mps, got 'gpu'"),
        ("LIVEDREAM_MODEL", "vgg61", "LIVEDREAM_MODEL: unknown network: vgg61"),
        ("LIVEDREAM_PRESET", "no.toml", "LIVEDREAM_PRESET: no such preset file: no.toml"),
    ],
)
def test_wrong_variables(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["run", "demo"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}\nhint: ")


def test_misspelled_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVEDREAM_DEVISE", "cpu")
    assert main(["run", "no-such-film.mp4"]) == 1
    told = "warning: the variable LIVEDREAM_DEVISE is unknown and has no effect; did you mean LIVEDREAM_DEVICE?"
    assert told in capsys.readouterr().err


def test_an_error_names_the_choice_that_nobody_typed(
    make_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config('model = "squeezenet"\n')
    assert main(["run", str(make_clip(frames=1)), "--to", "null", "--layers", "blocks.10"]) == 2
    *_, error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: unknown layer: blocks.10"
    assert hint.endswith(f"note: model = squeezenet, set by {path}")


def test_verbose_runs_say_what_is_taken(
    settings_of_run: Callable[..., DreamSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config('device = "cpu"\npreset = "neon"\n')
    settings_of_run("-v")
    out, err = capsys.readouterr()
    assert f"info: device = cpu, set by {path}" in err.splitlines()
    assert ", preset neon: " in out


def test_help_names_the_variables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoom", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "The variables LIVEDREAM_MODEL, LIVEDREAM_DEVICE, LIVEDREAM_PRECISION and a config file" in told


def test_every_command_that_dreams_takes_them() -> None:
    with_device = {
        name
        for name, command in livedream.commands.items()
        if any(parameter.name == "device" for parameter in command.params)
    }
    assert with_device <= set(KEYS_OF) <= set(livedream.commands)


def test_config_lists_values_and_origins(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVEDREAM_DEVCE", "cpu")
    assert main(["config"]) == 0
    out, err = capsys.readouterr()
    assert "LIVEDREAM_DEVCE is unknown and has no effect; did you mean LIVEDREAM_DEVICE?" in err
    monkeypatch.delenv("LIVEDREAM_DEVCE")
    assert "(does not exist; example of a line:" in out
    path = write_config('device = "cpu"\n')
    monkeypatch.setenv("LIVEDREAM_PRESET", "neon")
    assert main(["config"]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    assert first == str(path)
    assert [re.split("  +", row) for row in rows] == [
        ["key", "value", "set by", "variable"],
        ["model", "-", "-", "LIVEDREAM_MODEL"],
        ["device", "cpu", str(path), "LIVEDREAM_DEVICE"],
        ["precision", "-", "-", "LIVEDREAM_PRECISION"],
        ["preset", "neon", "LIVEDREAM_PRESET", "LIVEDREAM_PRESET"],
    ]
    assert main(["config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "config_file": str(path),
        "exists": True,
        "choices": {
            "device": {"value": "cpu", "origin": str(path)},
            "preset": {"value": "neon", "origin": "LIVEDREAM_PRESET"},
        },
    }
