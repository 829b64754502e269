"""Which compiled library is opened, and what happens where there is none."""

import logging
import platform
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
import torch

from livedream.dream.native import loader
from tests.dream.without import needs_kernels

ON_X86_64 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="levels of instructions of x86-64")


def names(folder: Path) -> list[str]:
    return [path.name for path in loader.candidates(folder)]


@ON_X86_64
@pytest.mark.parametrize(
    ("capability", "levels"),
    [
        ("AVX512", ["x86-64-v4", "x86-64-v3", "x86-64"]),
        ("AVX2", ["x86-64-v3", "x86-64"]),
        ("DEFAULT", ["x86-64"]),
    ],
)
def test_the_best_level_that_the_processor_has_comes_first(
    capability: str, levels: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert [name.split(".")[1] for name in names(tmp_path) if name.startswith("kernels.")] == levels


@pytest.mark.parametrize(("machine", "level"), [("arm64", "arm64"), ("aarch64", "arm64"), ("ARM64", "arm64")])
def test_arm_has_one_level(machine: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert [name.split(".")[1] for name in names(tmp_path) if name.startswith("kernels.")] == [level]


def test_the_library_compiled_at_installation_comes_before_those_of_a_wheel(tmp_path: Path) -> None:
    found = names(tmp_path)
    assert found[: len(EXTENSION_SUFFIXES)] == [f"_kernels{suffix}" for suffix in EXTENSION_SUFFIXES]
    assert len(found) > len(EXTENSION_SUFFIXES)


def test_the_library_of_a_wheel_is_no_extension_module(tmp_path: Path) -> None:
    modules = {f"{stem}{suffix}" for stem in ("kernels", "_kernels") for suffix in EXTENSION_SUFFIXES}
    assert not modules & {name for name in names(tmp_path) if name.startswith("kernels.")}


def test_without_a_library_torch_does_the_work(tmp_path: Path) -> None:
    assert loader.open_library(tmp_path) is None


def test_a_library_that_cannot_be_opened_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    next(loader.candidates(tmp_path)).write_bytes(b"not a library")
    with caplog.at_level(logging.WARNING):
        assert loader.open_library(tmp_path) is None
    assert "cannot open the compiled kernels" in caplog.text


@needs_kernels
def test_the_open_library_says_where_it_comes_from() -> None:
    library = loader.open_library()
    assert library is not None
    assert library.path.name in library.description
    assert "from the wheel" in library.description or "compiled at installation" in library.description
    if sys.platform == "linux":
        assert library.threads in ("torch", "its own OpenMP")


class Clangs:
    """Stands for a library that Clang compiled: it receives the functions of an OpenMP runtime."""

    def __init__(self) -> None:
        self.table: list[int | None] = []

    def use_openmp(self, table: Sequence[int | None]) -> None:
        self.table = list(table)


def test_the_openmp_runtime_of_torch_is_found() -> None:
    library = Clangs()
    assert loader._give_threads(library) == "torch"  # type: ignore[arg-type]
    assert any(library.table[:2])  # LLVM's or GNU's way to start a team
    assert all(library.table[2:])


def test_without_a_runtime_the_library_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_torch_openmp", lambda: None)
    library = Clangs()
    assert loader._give_threads(library) == "none"  # type: ignore[arg-type]
    assert library.table == []
