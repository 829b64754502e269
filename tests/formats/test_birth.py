"""When a file was made, compared with what coreutils say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livedream.formats.birth import birth_of

pytestmark = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("stat"), reason="needs GNU stat")


def test_it_is_what_stat_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    said = subprocess.run(["stat", "-c", "%W", str(path)], capture_output=True, text=True, check=True).stdout
    assert birth_of(path) // 10**9 == int(said if said.strip().isdecimal() else 0)


def test_it_is_the_same_by_name_and_descriptor_and_stays_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    born = birth_of(path)
    path.write_text("other")
    os.utime(path, (1, 1))
    with path.open("rb") as file:
        assert birth_of(file.fileno()) == born
    path.rename(tmp_path / "renamed")
    assert birth_of(tmp_path / "renamed") == born


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        birth_of(tmp_path / "none")
