"""Preconditioning against sums by hand and a pyramid written out pixel by pixel; compiled against torch."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from livedream.dream.image.precondition import (
    LEVELS,
    PLAIN,
    Preconditioner,
    TensorPreconditioner,
    color_matrix,
    precondition,
    precondition_and_measure,
    preconditioner,
    pyramid_shapes,
)
from tests.dream.without import needs_kernels, without_kernels

# The products of the rows (0.26, 0.09, 0.02), (0.27, 0, -0.05) and (0.27, -0.09, 0.03) of lucid's table.
COVARIANCE = np.array([[0.0761, 0.0692, 0.0627], [0.0692, 0.0754, 0.0714], [0.0627, 0.0714, 0.0819]])
BINOMIAL = [1 / 32, 5 / 32, 10 / 32, 10 / 32, 5 / 32, 1 / 32]
# Even and odd, of every number of levels, and wider than the strips of the compiled kernel, 512 of the halved pixels.
SIZES = [(1, 1), (7, 40), (8, 9), (15, 16), (17, 31), (33, 64), (96, 130), (41, 1024), (40, 1027), (19, 2050)]
LOOKS = [(0.35, 0.8), (0, 0.8), (1, 0), (2, -1), (0, 2)]


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    values = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=torch.channels_last)


def halved(plane: np.ndarray) -> np.ndarray:
    height, width = plane.shape[:2]
    result = np.zeros(((height + 1) // 2, (width + 1) // 2, 3))
    for y, x in np.ndindex(result.shape[:2]):
        for i, down in enumerate(BINOMIAL):
            for j, across in enumerate(BINOMIAL):
                row = min(max(2 * y - 2 + i, 0), height - 1)
                column = min(max(2 * x - 2 + j, 0), width - 1)
                result[y, x] += down * across * plane[row, column]
    return result


def doubled(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolate linearly between the centres of pixels twice as large."""
    result = np.zeros((height, width, 3))
    rows, columns = plane.shape[:2]
    for y, x in np.ndindex(height, width):
        down, across = (y + 0.5) / 2 - 0.5, (x + 0.5) / 2 - 0.5
        top, left = int(np.floor(down)), int(np.floor(across))
        for row, share in ((top, 1 - (down - top)), (top + 1, down - top)):
            for column, part in ((left, 1 - (across - left)), (left + 1, across - left)):
                near = plane[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)]
                result[y, x] += share * part * near
    return result


def weighted_pyramid(pixels: np.ndarray, coarseness: float) -> np.ndarray:
    """Take float64 (h, w, 3) apart into what each level has and the next has not, and add it up with its weights."""
    blurred = [pixels]
    while len(blurred) < 5 and min(blurred[-1].shape[:2]) >= 8:
        blurred.append(halved(blurred[-1]))
    result = np.zeros_like(blurred[-1])
    for level in reversed(range(len(blurred))):
        detail = blurred[level]
        height, width = detail.shape[:2]
        if level + 1 < len(blurred):
            detail = detail - doubled(blurred[level + 1], height, width)
            result = doubled(result, height, width)
        result = result + 2 ** (coarseness * level) * detail
    return result


# Colours -------------------------------------------------------------------------------------------------------------


def test_matrix_of_the_colours_is_a_power_of_the_covariance() -> None:
    vector = np.ones(3)
    for _ in range(100):  # the largest eigenvalue by power iteration
        vector = COVARIANCE @ vector / np.linalg.norm(COVARIANCE @ vector)
    whole = COVARIANCE / (vector @ COVARIANCE @ vector)
    np.testing.assert_allclose(color_matrix(0), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(color_matrix(1), whole, atol=1e-12)
    np.testing.assert_allclose(color_matrix(2), whole @ whole, atol=1e-12)
    np.testing.assert_allclose(color_matrix(0.5) @ color_matrix(0.5), whole, atol=1e-12)


@pytest.mark.parametrize("exponent", [0.2, 0.35, 1, 2])
def test_matrix_of_the_colours_is_symmetric_and_amplifies_nothing(exponent) -> None:
    matrix = color_matrix(exponent)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    values = np.linalg.eigvalsh(matrix)
    assert values.min() > 0
    assert values.max() == pytest.approx(1)
    # The second of the three directions is what legacy.py translates the old control `color` by.
    assert values[1] == pytest.approx(0.076**exponent, rel=0.02)


def test_colours_are_red_green_and_blue_in_this_order() -> None:
    red = torch.zeros(1, 3, 4, 4)
    red[:, 0] = 1
    found = precondition(red, preconditioner(1, 0))[0, :, 2, 1]
    np.testing.assert_allclose(found / found[0], COVARIANCE[:, 0] / COVARIANCE[0, 0], rtol=1e-5)


# Detail --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "levels"),
    [(7, 900, 1), (8, 8, 2), (14, 99, 2), (15, 99, 3), (16, 16, 3), (64, 65, 5), (900, 1600, 5)],
)
def test_levels_by_hand(height, width, levels) -> None:
    sizes = pyramid_shapes(height, width)
    assert len(sizes) == levels
    assert sizes[0] == (height, width)
    assert all(small == ((large[0] + 1) // 2, (large[1] + 1) // 2) for large, small in itertools.pairwise(sizes))


@pytest.mark.parametrize("size", [(1, 1), (7, 12), (8, 9), (16, 24), (17, 31), (40, 47), (66, 33)])
@pytest.mark.parametrize("coarseness", [0.8, -1, 2])
def test_pyramid_is_that_of_the_naive_one(size, coarseness) -> None:
    gradient = noise(*size)
    wanted = weighted_pyramid(gradient[0].permute(1, 2, 0).double().numpy(), coarseness)
    found = precondition(gradient, preconditioner(0, coarseness))[0].permute(1, 2, 0)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def test_what_has_no_detail_counts_as_the_coarsest_level() -> None:
    even = torch.full((1, 3, 70, 90), 3.0)
    torch.testing.assert_close(precondition(even, preconditioner(0, 0.5)), even * 2 ** (0.5 * 4))
    small = torch.full((1, 3, 10, 12), 3.0)
    torch.testing.assert_close(precondition(small, preconditioner(0, 0.5)), small * 2**0.5)


def test_it_is_linear() -> None:
    by = preconditioner(0.35, 0.8)
    one, other = noise(37, 50), noise(37, 50, seed=1)
    torch.testing.assert_close(
        precondition(2 * one - 3 * other, by),
        2 * precondition(one, by) - 3 * precondition(other, by),
        atol=1e-4,
        rtol=0,
    )


@pytest.mark.parametrize(("natural_color", "coarseness"), LOOKS)
def test_numbers_on_a_device_do_the_same(natural_color, coarseness) -> None:
    by = preconditioner(natural_color, coarseness)
    on_device = TensorPreconditioner(torch.tensor(by.colors).view(3, 3), torch.tensor(by.levels))
    gradient = noise(45, 57)
    torch.testing.assert_close(precondition(gradient, on_device), precondition(gradient, by))


def test_neither_color_nor_coarseness_leaves_a_gradient_as_it_is() -> None:
    gradient = noise(33, 47)
    assert preconditioner(0, 0) == PLAIN
    assert precondition(gradient, PLAIN) is gradient
    found, mean = precondition_and_measure(gradient, PLAIN)
    assert torch.equal(found, gradient)
    assert mean == pytest.approx(float(gradient.double().abs().mean()), rel=1e-6)
    # A GPU has no other way for it.
    on_device = TensorPreconditioner(torch.tensor(PLAIN.colors).view(3, 3), torch.tensor(PLAIN.levels))
    torch.testing.assert_close(precondition(gradient, on_device), gradient, atol=1e-5, rtol=0)


# Compiled ------------------------------------------------------------------------------------------------------------


@needs_kernels
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("natural_color", "coarseness"), LOOKS)
def test_compiled_is_torchs(size, natural_color, coarseness) -> None:
    by = preconditioner(natural_color, coarseness)
    gradient = noise(*size)
    before = gradient.clone()
    found, mean = precondition_and_measure(gradient, by)
    wanted = precondition(gradient, by)
    assert float((found - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())
    assert mean == pytest.approx(float(wanted.double().abs().mean()), rel=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(gradient, before)


@needs_kernels
def test_factors_that_are_the_same_for_all_levels_need_no_pyramid() -> None:
    by = Preconditioner(PLAIN.colors, (3.0,) * LEVELS)
    gradient = noise(33, 47)
    torch.testing.assert_close(precondition_and_measure(gradient, by)[0], 3 * gradient)
    torch.testing.assert_close(precondition(gradient, by), 3 * gradient, atol=1e-5, rtol=0)


@needs_kernels
@pytest.mark.parametrize("size", [(33, 47), (360, 640)])
def test_bits_are_the_same_however_many_threads(size) -> None:
    gradient, by = noise(*size), preconditioner(0.35, 0.8)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone, mean_alone = precondition_and_measure(gradient, by)
        torch.set_num_threads(2)
        together, mean_together = precondition_and_measure(gradient, by)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)
    assert mean_alone == mean_together


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_kernels), False])
@pytest.mark.parametrize(("natural_color", "coarseness"), [(0, 0), *LOOKS])
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_mean_of_what_is_not_finite_is_not(poison, natural_color, coarseness, compiled, monkeypatch) -> None:
    if not compiled:
        without_kernels(monkeypatch)
    for place in ((0, 0, 0, 0), (0, 2, 40, 56), (0, 1, 20, 13)):
        gradient = noise(41, 57)
        gradient[place] = poison
        _, mean = precondition_and_measure(gradient, preconditioner(natural_color, coarseness))
        assert not np.isfinite(mean)


def test_without_kernels_it_is_the_reference(monkeypatch) -> None:
    gradient, by = noise(41, 57), preconditioner(0.35, 0.8)
    without_kernels(monkeypatch)
    found, mean = precondition_and_measure(gradient, by)
    assert torch.equal(found, precondition(gradient, by))
    assert mean == pytest.approx(float(found.abs().mean()))
