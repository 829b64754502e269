"""scripts/demo and scripts/test install livedream: what they say first, what they ask pip for, what they pass on.

A stand-in for Python writes down what it is asked, so that nothing is downloaded.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INDEX = "https://download.pytorch.org/whl/cpu"
INSTALL = "-m pip install --config-settings editable_mode=compat --editable"
PYTHON = r"""#!/bin/sh
# Makes a venv of itself, and answers what setup.sh asks. The folder of the log is in $LOG.
case "$*" in
*"-m venv"*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
*--version) echo Python 3.12.0 ;;
*importlib.metadata*) test -e "$LOG/torch" && cat "$LOG/torch" ;;
*/dev/stdin*) echo "$@" "<" $(cat) >>"$LOG/asked" && echo 2.14.1+cpu >"$LOG/torch" ;;
"-m pip"*) echo "$@" >>"$LOG/asked" && test -e "$LOG/torch" || echo 2.14.1 >"$LOG/torch" ;;
"-m "*) echo "$@" >>"$LOG/asked" ;;
esac
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyPI has no wheels with CUDA")


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like the repository, as far as the installation looks at it, without an environment."""
    folder = tmp_path / "clone"
    (folder / "livedream" / "dream" / "native").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("pyproject.toml", "requirements.txt", "setup.py", "livedream/dream/native/common.h"):
        shutil.copy(ROOT / name, folder / name)
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "python3", PYTHON)
    return folder


def run(clone: Path, *command: str, torch: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a script of `clone` there; `torch` is LIVEDREAM_TORCH."""
    path = f"{clone.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "LOG": str(clone.parent), **({"LIVEDREAM_TORCH": torch} if torch else {})}
    return subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True, timeout=60)


def asked(clone: Path) -> list[str]:
    """What pip, livedream and pytest were asked since the last time."""
    log = clone.parent / "asked"
    lines = log.read_text().splitlines()
    log.unlink()
    return [line.replace("--disable-pip-version-check ", "") for line in lines]


def test_demo_says_the_size_first_and_installs_the_usual_wheels(clone) -> None:
    done = run(clone, "scripts/demo", "--preset", "clay", "--to", "my film.mp4")
    assert done.returncode == 0, done.stderr
    assert asked(clone) == [f"{INSTALL} {clone}", "-m livedream demo --preset clay --to my film.mp4"]
    assert "download: 3.2 GB, about " in done.stderr
    assert done.stdout.endswith(
        "\nlivedream is installed in .venv. In this terminal:\n    source .venv/bin/activate\n"
        "    livedream run              # your webcam, in a window; without one: livedream run demo\n"
        "or, without activating anything: .venv/bin/livedream run\n"
    )
    again = run(clone, "scripts/demo")
    assert (again.returncode, again.stderr, asked(clone)) == (0, "", ["-m livedream demo"])


def test_demo_offers_the_wheels_without_cuda_where_there_is_no_nvidia_card(clone) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("an NVIDIA card is here")
    assert "press Ctrl-C and run\n    scripts/demo --cpu\n" in run(clone, "scripts/demo").stderr
    shutil.rmtree(clone / ".venv")
    (clone.parent / "torch").unlink()
    assert "press Ctrl-C and run\n    LIVEDREAM_TORCH=cpu scripts/test\n" in run(clone, "scripts/test").stderr
    shutil.rmtree(clone / ".venv")
    (clone.parent / "torch").unlink()
    program(clone.parent / "bin" / "nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA T4 (UUID: GPU-1)'\n")
    told = run(clone, "scripts/demo").stderr
    assert "3.2 GB" in told
    assert "--cpu" not in told


@pytest.mark.parametrize(
    ("command", "variable", "extra", "then"),
    [
        (["scripts/demo", "--tour", "--cpu"], None, "", "-m livedream demo --tour"),
        (["scripts/demo"], "cpu", "", "-m livedream demo"),
        (["scripts/test", "-k", "cpu"], "cpu", "[test]", "-m pytest -n auto --maxprocesses 8 --dist loadfile -k cpu"),
    ],
)
def test_without_cuda_torch_comes_from_its_own_index_before_the_rest(clone, command, variable, extra, then) -> None:
    done = run(clone, *command, torch=variable)
    assert done.returncode == 0, done.stderr
    assert asked(clone) == [
        f"-m pip install --index-url {INDEX} --requirement /dev/stdin < torch>=2.11 torchvision>=0.26",
        f"{INSTALL} {clone}{extra}",
        then,
    ]
    assert "download: 0.4 GB" in done.stderr
    # The choice lasts: a changed list of requirements does not bring CUDA.
    with (clone / "requirements.txt").open("a") as requirements:
        requirements.write("extra-package\n")
    run(clone, "scripts/demo")
    assert INDEX in asked(clone)[0]


def test_an_environment_with_cuda_is_not_thrown_away(clone) -> None:
    run(clone, "scripts/demo")
    done = run(clone, "scripts/demo", "--cpu")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: .venv has PyTorch with CUDA already\nhint: to start again without it: rm -r {clone}/.venv\n",
    )
    assert run(clone, "scripts/demo", torch="CPU").stderr.startswith("error: LIVEDREAM_TORCH is 'CPU'\n")


def test_an_index_out_of_reach_is_said(clone) -> None:
    program(clone.parent / "bin" / "python3", PYTHON.replace("*/dev/stdin*) ", "*/dev/stdin*) exit 1 ;; -) "))
    done = run(clone, "scripts/demo", "--cpu")
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"error: PyTorch without CUDA cannot be installed from {INDEX}\n"
        "hint: without --cpu it comes from PyPI, 3.2 GB\n"
    )
