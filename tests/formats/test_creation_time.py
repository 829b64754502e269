"""When a file was made, compared with what coreutils say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from livedream.formats.creation_time import creation_time

pytestmark = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("stat"), reason="needs GNU stat")


def test_it_is_what_stat_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    said = subprocess.run(["stat", "-c", "%W", str(path)], capture_output=True, text=True, check=True).stdout
    assert creation_time(path) // 10**9 == int(said if said.strip().isdecimal() else 0)


def test_it_is_the_same_by_name_and_descriptor_and_stays_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a")
    born = creation_time(path)
    path.write_text("other")
    os.utime(path, (1, 1))
    with path.open("rb") as file:
        assert creation_time(file.fileno()) == born
    path.rename(tmp_path / "renamed")
    assert creation_time(tmp_path / "renamed") == born


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        creation_time(tmp_path / "none")
