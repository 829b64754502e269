"""The Dockerfile and the systemd unit, as far as they can be tried without an engine or a boot."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# https://docs.docker.com/reference/dockerfile/, those that are not deprecated
INSTRUCTIONS = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "ONBUILD", "RUN"),
    *("SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their words; lines that end with a backslash go on."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line.strip()]


def test_dockerfile_has_nothing_but_instructions() -> None:
    found = instructions()
    assert found[0][0] == "FROM"
    assert {name for name, _ in found} <= INSTRUCTIONS
    assert ("STOPSIGNAL", "SIGTERM") in found


def test_dockerfile_copies_what_is_there_and_not_ignored() -> None:
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = [word for name, words in instructions() if name == "COPY" for word in words.split()[:-1]]
    assert copied
    for word in copied:
        assert (ROOT / word).exists()
        assert word in kept


def test_3_the_container_gets_the_headless_opencv_and_else_the_same() -> None:
    (command,) = (words for name, words in instructions() if name == "RUN" and words.startswith("sed "))
    edit = command.partition(" > ")[0]
    done = subprocess.run(["sh", "-c", edit], cwd=ROOT, capture_output=True, text=True, check=True)
    before = (ROOT / "requirements.txt").read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, done.stdout.splitlines(), strict=True) if old != new]
    assert changed == [("opencv-python>=4.10", "opencv-python-headless>=4.10")]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_knows_every_word_of_the_unit() -> None:
    unit = ROOT / "docs" / "livedream.service"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_runs_what_there_is() -> None:
    text = (ROOT / "docs" / "livedream.service").read_text()
    assert re.search(r"^ExecStart=.*livedream run .* --to ", text, re.MULTILINE)
    assert "SuccessExitStatus=143" in text  # what livedream says after SIGTERM
