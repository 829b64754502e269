"""The types of the public names, as pyright sees them in its strict mode; mypy runs in scripts/check."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(600)
def test_pyright_finds_nothing_in_a_program_that_uses_the_library(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    config = {
        "include": ["."],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    for program in [ROOT / "tests" / "typed_program.py", *(ROOT / "examples").glob("*.py")]:
        shutil.copy(program, tmp_path)
    command = [sys.executable, "-m", "pyright", "--project", ".", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] > 1
    assert [
        f"{Path(each['file']).name}:{each['range']['start']['line'] + 1}: {each['message']}"
        for each in found["generalDiagnostics"]
    ] == []
