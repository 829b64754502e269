import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from livedream.bench.memory import peak_mb, resident_mb

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")


def test_allocated_memory_is_resident_and_the_peak_stays() -> None:
    before = resident_mb()
    taken = mmap.mmap(-1, 100 << 20)  # malloc may reuse memory that is resident already
    for place in range(0, len(taken), mmap.PAGESIZE):
        taken[place] = 1
    assert resident_mb() - before == pytest.approx(100, abs=20)
    most = peak_mb()
    assert most >= resident_mb()
    taken.close()
    assert peak_mb() >= most - 1
    assert resident_mb() < most - 50


def test_the_peak_does_not_include_the_parent_process() -> None:
    """With getrusage it would."""
    taken = np.ones(300 << 20, np.uint8)
    code = "import sys; from livedream.bench.memory import peak_mb; sys.stdout.write(str(peak_mb()))"
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert float(found.stdout) < 250
    assert taken.nbytes > 250 << 20
