"""What other programs of livedream get from the studio."""

import pytest

from livedream.studio.library.process import environment
from livedream.studio.server.access import VARIABLE


def test_secrets_of_the_studio_stay_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, "LIVEDREAM_SOURCE", "LIVEDREAM_TO"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LIVEDREAM_CACHE", "/somewhere")
    variables = environment(OMP_NUM_THREADS="1")
    assert "secret" not in variables.values()
    assert (variables["LIVEDREAM_CACHE"], variables["OMP_NUM_THREADS"]) == ("/somewhere", "1")
