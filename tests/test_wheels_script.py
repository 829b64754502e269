"""scripts/build_wheels: which functions a library must export, and what a wheel for a platform holds."""

import base64
import csv
import hashlib
import importlib.machinery
import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from livedream.dream.native import library
from tests.dream.without import needs_kernels

SCRIPT = Path(__file__).parents[1] / "scripts" / "build_wheels"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("build_wheels", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        loader.exec_module(module)
    return module


@needs_kernels
def test_the_compiled_library_exports_what_the_sources_declare(script: ModuleType) -> None:
    names = script.declared()
    assert {"precondition", "max_pool_float32", "max_pool_bfloat16", "depthwise_back_float32", "use_openmp"} <= names
    missing = {name for name in names if not hasattr(library.opened, name)}
    assert missing <= {"use_openmp"}  # only Clang needs openmp.c


@pytest.mark.skipif(sys.platform not in ("linux", "darwin", "win32"), reason="there are no wheels for others")
def test_this_machine_has_a_wheel(script: ModuleType) -> None:
    assert script.this_platform() in script.TARGETS


def test_a_wheel_gets_its_libraries_tag_and_checksums(script: ModuleType, tmp_path: Path) -> None:
    pure = tmp_path / "livedream-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pure, "w") as wheel:
        wheel.writestr("livedream/__init__.py", "")
        wheel.writestr("livedream-1.0.dist-info/WHEEL", "Root-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("livedream-1.0.dist-info/RECORD", "")
    compiled = tmp_path / "kernels.arm64.dylib"
    compiled.write_bytes(b"library")
    path = script.add_libraries(pure, "macosx_11_0_arm64", [compiled], tmp_path)
    assert path.name == "livedream-1.0-py3-none-macosx_11_0_arm64.whl"
    with zipfile.ZipFile(path) as wheel:
        assert wheel.read("livedream/dream/native/kernels.arm64.dylib") == b"library"
        text = wheel.read("livedream-1.0.dist-info/WHEEL").decode()
        assert text == "Root-Is-Purelib: false\nTag: py3-none-macosx_11_0_arm64\n"
        records = {row[0]: row[1:] for row in csv.reader(wheel.read("livedream-1.0.dist-info/RECORD").decode().split())}
        assert set(records) == set(wheel.namelist())
        for name, (digest, size) in records.items():
            content = wheel.read(name)
            if digest:
                expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
                assert (digest, size) == (f"sha256={expected}", str(len(content)))
            else:
                assert name.endswith("RECORD")
