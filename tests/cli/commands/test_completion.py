"""The Tab key: in real shells, and what livedream answers them."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from livedream.cli.commands import completion
from livedream.cli.main import main
from livedream.models import network_names
from livedream.presets import preset_names

Offered = Callable[..., list[str]]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Offered:
    """Return the words that zsh is offered in the place of the last one, in a folder with some files."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "film.mp4", "mask one.png"):
        Path(name).touch()
    Path("masks").mkdir()

    def ask(*words: str) -> list[str]:
        quoted = " ".join(f"'{word}'" if word else "" for word in ("livedream", *words))
        monkeypatch.setenv("COMP_WORDS", quoted)
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        monkeypatch.setenv(completion.VARIABLE, "zsh_complete")
        assert main([]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        lines = out.strip().splitlines()
        return [f"<{kind}>" if kind != "plain" else word for kind, word in zip(lines[::3], lines[1::3], strict=True)]

    return ask


def test_commands_and_options(offered: Offered) -> None:
    assert offered("mo") == ["models"]
    assert {"--model", "--layers"} <= set(offered("run", "--"))
    assert offered("help", "mo") == ["models"]
    assert offered("-v", "run", "-v", "--precision", "b") == ["bfloat16"]
    assert offered("completion", "") == ["bash", "zsh", "fish", "powershell"]


def test_values_of_options(offered: Offered) -> None:
    assert offered("run", "--device", "") == ["auto", "cpu", "cuda", "mps"]
    assert offered("run", "--device=c") == ["--device=cpu", "--device=cuda"]
    assert offered("run", "--model", "") == network_names()
    assert offered("models", "sq") == ["squeezenet", "squeezenet1_1"]
    assert offered("run", "--codec", "h26")[:2] == ["h264", "h265"]
    assert offered("run", "--preset", "") == [*preset_names(), "mine.toml"]
    assert offered("run", "--preset", "m") == [name for name in preset_names() if name.startswith("m")] + ["mine.toml"]
    assert offered("run", "--preset", "./m") == ["<file>"]


def test_files(offered: Offered) -> None:
    assert offered("run", "") == ["<file>"]
    assert offered("run", "de") == ["<file>", "demo"]
    assert offered("run", "--to", "w") == ["<file>", "window"]
    assert offered("zoom", "") == ["<file>"]


def test_layers_are_those_of_the_chosen_network(offered: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered("run", "--model", "vgg16", "--layers", "relu4") == ["relu4_1", "relu4_2", "relu4_3"]
    assert {"blocks.10", "fire9", "dogs"} <= set(offered("run", "--layers", ""))
    assert "blocks.10" not in offered("run", "--model", "squeezenet", "--layers", "")
    monkeypatch.setenv("LIVEDREAM_MODEL", "resnet50")
    assert offered("run", "--layers", "layer")[:4] == ["layer1", "layer2", "layer3", "layer4"]
    assert offered("run", "--model", "no-such", "--layers", "layer") == []


def test_layers_in_a_sum(offered: Offered) -> None:
    assert "fire4 + 0.5*fire9" in offered("run", "--layers", "fire4 + 0.5*fire")
    assert offered("run", "--layers", "fire4 | class:goldf") == [
        "fire4 | class:goldfish",
        "fire4 | class:goldfinch",
    ]
    # zsh takes a word without a description as it is.
    assert offered("run", "--layers", "mask:mask") == ["mask:mask one.png", "mask:masks/"]
    Path("person.png").touch()
    assert offered("run", "--layers", "auto + mask:per") == ["auto + mask\\:person", "auto + mask:person.png"]
    assert offered("run", "--layers", "guide:per") == ["guide:person.png"]
    assert offered("run", "--mask", "") == ["all", "person", "background", "motion", "still"]
    assert offered("run", "--no-person", "n") == ["nothing"]
    assert offered("visualize", "--layer", "mean(fire9") == ["mean(fire9", "mean(fire9/concat"]


def test_an_error_is_not_printed(offered: Offered, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    monkeypatch.setenv("LIVEDREAM_MODEL", "no-such")
    monkeypatch.setenv("COMP_WORDS", "livedream run --layers ")
    monkeypatch.setenv("COMP_CWORD", "3")
    monkeypatch.setenv(completion.VARIABLE, "bash_complete")
    assert main([]) == 1
    assert capsys.readouterr() == ("", "")  # type: ignore[attr-defined]


def test_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish', 'powershell'" in capsys.readouterr().err


def test_neither_torch_nor_av_is_loaded() -> None:
    """In a process of its own, which is not the place for a warning either: the preset natural has another name now."""
    code = (
        "import sys\n"
        "from livedream.cli.main import main\n"
        "code = main([])\n"
        "print(code, sorted({'torch', 'av', 'torchvision'} & set(sys.modules)))"
    )
    asked = {
        "COMP_WORDS": "livedream run --layers fire",
        "COMP_CWORD": "3",
        completion.VARIABLE: "bash_complete",
        "LIVEDREAM_PRESET": "natural",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert "plain,fire9" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "0 []"


def test_powershell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By its protocol, three lines for each word: there is no PowerShell here to ask."""
    assert main(["completion", "powershell"]) == 0
    script = capsys.readouterr().out
    assert script.startswith("Register-ArgumentCompleter -Native -CommandName livedream -ScriptBlock {")
    assert f"$env:{completion.VARIABLE} = 'powershell_complete'" in script
    monkeypatch.setenv("COMP_WORDS", "livedream run --precision b")
    monkeypatch.setenv("COMP_CWORD", "3")
    monkeypatch.setenv(completion.VARIABLE, "powershell_complete")
    assert main([]) == 0
    assert capsys.readouterr().out == "plain\nbfloat16\n_\n"
    monkeypatch.setenv("COMP_WORDS", "livedream run --layers 'fire4 + class:goldfi")
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines()[1::3] == ["'fire4 + class:goldfish'", "'fire4 + class:goldfinch'"]


# Real shells ---------------------------------------------------------------------------------------------------------

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(livedream completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'bindkey -e; autoload compinit; compinit -D -u; eval "$(livedream completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "livedream completion fish | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_in_a_shell(shell: str, tmp_path: Path) -> None:
    """Type, press Tab, and let the shell print the words that the line has then."""
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    (tmp_path / "a film.mp4").touch()
    program = tmp_path / "bin" / "livedream"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m livedream "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    command, setup = SHELLS[shell]
    typed = {
        "livedream run --preset orig": ["livedream", "run", "--preset", "origami"],
        "livedream run --preset=orig": ["livedream", "run", "--preset=origami"],
        'livedream run --layers "fire4 + pea': ["livedream", "run", "--layers", "fire4 + peacock"],
        "livedream run a": ["livedream", "run", "a film.mp4"],
    }
    # Ctrl-A goes to the beginning of the line.
    keys = [setup, *(f"{line}\t\x01printf '<%s>' '' \x05" for line in typed), "exit"]
    shown = _type(command, keys, tmp_path, program.parent)
    for words in typed.values():
        assert "<>" + "".join(f"<{word}>" for word in words) in shown


def _type(command: list[str], lines: list[str], folder: Path, programs: Path) -> str:
    """Type lines into a shell, and return all that its terminal showed."""
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(completion.__file__).parents[3]),
        "HOME": str(folder),
        "TERM": "dumb",
        "PS1": "$ ",
    }
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)
    shown = b""
    pending = "".join(f"{line}\n" for line in lines).encode()
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            ready, writable, _ = select.select([terminal], [terminal] if pending else [], [], 1)
            if writable:
                pending = pending[os.write(terminal, pending[:64]) :]
            if ready:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:  # the shell has ended
                    break
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return shown.decode(errors="replace")
