"""livedream as it is where no compiler was at hand when it was installed."""

import pytest

from livedream.dream import kernels


def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch do, until the end of the test, what kernels.c does."""
    monkeypatch.setattr(kernels, "_library", None)
    monkeypatch.setattr(kernels, "compiled", False)
    monkeypatch.setattr(kernels, "_function", lambda name, dtype=None: None)
