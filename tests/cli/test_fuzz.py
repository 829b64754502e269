"""Damaged files of every kind through the real command line: no traceback, no hang, and loss is always said."""

from pathlib import Path

import pytest

from tests.cli.fuzz import CASES, DAMAGES, FRAMES, KINDS, figures, make, run_all, write_whole

SHORT = [*range(0, len(KINDS) * len(DAMAGES), 3), 7, 31]
"""Forty, in which every kind and every damage comes."""


def check(folder: Path, numbers: list[int]) -> None:
    whole = [path.name for path in write_whole(folder)]
    results = run_all(folder, [*whole, *(make(folder, number).name for number in numbers)])
    for result in results[: len(whole)]:  # else what follows proves nothing
        assert (result.frames, result.said) == (FRAMES if result.is_film else 1, []), result
    damaged = results[len(whole) :]
    print(figures(damaged))  # noqa: T201
    assert [(result.name, result.tracebacks) for result in damaged if result.tracebacks] == []
    assert [(result.name, result.trouble) for result in damaged if result.trouble] == []
    assert [(result.name, result.frames) for result in damaged if result.is_loss_unsaid] == []


def test_forty_damaged_files(tmp_path: Path) -> None:
    assert len(SHORT) == 40
    assert {number % len(KINDS) for number in SHORT} == set(range(len(KINDS)))
    assert {number // len(KINDS) for number in SHORT} == set(range(len(DAMAGES)))
    check(tmp_path, SHORT)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_three_hundred_damaged_files(tmp_path: Path) -> None:
    check(tmp_path, list(range(CASES)))
