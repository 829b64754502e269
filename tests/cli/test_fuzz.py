"""Damaged files of every kind through the real command line: no traceback, no hang, and loss is always said."""

from pathlib import Path

import pytest

from tests.cli.fuzz import CASES, DAMAGES, FRAMES, KINDS, Result, figures, make, run_all, write_whole

SHORT = [number * 7 % (len(KINDS) * len(DAMAGES)) for number in range(40)]
"""Forty, in which every kind and every damage comes."""


def run(folder: Path, numbers: list[int]) -> list[Result]:
    """Dream the damaged files, and print the figures."""
    whole = [path.name for path in write_whole(folder)]
    results = run_all(folder, [*whole, *(make(folder, number).name for number in numbers)])
    for result in results[: len(whole)]:  # else what follows proves nothing
        assert (result.frames, result.said) == (FRAMES if result.is_film else 1, []), result
    damaged = results[len(whole) :]
    print(figures(damaged))  # noqa: T201
    return damaged


def check(damaged: list[Result]) -> None:
    assert [(result.name, result.tracebacks) for result in damaged if result.tracebacks] == []
    assert [(result.name, result.trouble) for result in damaged if result.trouble] == []


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    return run(tmp_path_factory.mktemp("fuzz"), SHORT)


def test_forty_damaged_files(forty: list[Result]) -> None:
    assert len(SHORT) == 40
    assert {number % len(KINDS) for number in SHORT} == set(range(len(KINDS)))
    assert {number // len(KINDS) for number in SHORT} == set(range(len(DAMAGES)))
    check(forty)


def test_loss_is_always_said(forty: list[Result]) -> None:
    assert [(result.name, result.frames) for result in forty if result.is_loss_unsaid] == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_hundred_damaged_files(tmp_path: Path) -> None:
    damaged = run(tmp_path, list(range(CASES)))
    check(damaged)
    # What an index has forgotten looks like a frame that the camera left out.
    unsaid = [(result.name, result.frames) for result in damaged if result.is_loss_unsaid]
    assert len(unsaid) <= CASES // 100, unsaid
