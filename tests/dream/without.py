"""Runs livedream as if it was installed without a compiler."""

import os

import pytest

from livedream.dream.native import kernels, library

needs_kernels = pytest.mark.skipif(
    not kernels.compiled and os.environ.get("LIVEDREAM_REQUIRE_ALL") != "1", reason="kernels.c was not compiled"
)


def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the compiled library by torch until the end of the test."""
    monkeypatch.setattr(library, "opened", None)
    monkeypatch.setattr(library, "kernel", lambda name, dtype: None)
    monkeypatch.setattr(kernels, "compiled", False)
