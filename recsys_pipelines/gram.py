"""The Gram matrix of the items, X'X + l2 I, and its inverse in place: dense, symmetric, in square tiles.

Only the tiles on and below the diagonal exist, so n items take half of n^2 numbers, and nothing of that size is ever
copied. The inverse is that of symmetric Gauss-Jordan elimination by blocks (n^3 operations, as Cholesky's: Higham,
Accuracy and Stability of Numerical Algorithms, 2002, section 14.4), each pivot block by Cholesky (LAPACK potrf, potri).
As the tiles do not depend on the number of threads, neither does a bit of it. Time grows with the cube of the items
and memory with their square.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import get_lapack_funcs  # type: ignore[import-untyped]  # no stubs

from recsys_pipelines.threads import Each, crew

TILE = 512  # numbers in a row of a tile: a few of them fit the cache of a core
TOO_NARROW = 1e5  # up to this condition float32 is good to three digits, see tests/recsys_pipelines/test_gram.py

Floats = npt.NDArray[np.floating[Any]]


class NotDefinite(ArithmeticError):
    """The matrix has no inverse, in the precision that was used."""


@dataclass(frozen=True, eq=False)
class Gram:
    """A symmetric matrix of ``order`` rows: tile (i, j), j <= i, is ``tiles[i (i + 1) / 2 + j]``, padded by ones."""

    tiles: Floats
    order: int

    @property
    def stripes(self) -> int:
        """How many tiles stand on the diagonal."""
        return -(-self.order // int(self.tiles.shape[1]))

    def bounds(self, stripe: int) -> tuple[int, int]:
        """The first row of a stripe, and the first after it."""
        size = self.tiles.shape[1]
        return stripe * size, min(stripe * size + size, self.order)

    def stripe(self, number: int) -> Floats:
        """All columns of a stripe's rows; row r of it is row ``bounds(number)[0] + r``."""
        start, end = self.bounds(number)
        row = [_tile(self.tiles, number, other) for other in range(self.stripes)]
        return np.concatenate(row, axis=1)[: end - start, : self.order]

    def columns(self, number: int) -> Floats:
        """All rows of a stripe's columns: `stripe` the other way round, and quick to multiply by from the left."""
        start, end = self.bounds(number)
        column = [_tile(self.tiles, other, number) for other in range(self.stripes)]
        return np.concatenate(column)[: self.order, : end - start]

    @cached_property
    def diagonal(self) -> Floats:
        """The numbers on the diagonal."""
        tiles = [self.tiles[_place(i, i)].diagonal() for i in range(self.stripes)]
        return np.concatenate([self.tiles[:0, 0, 0], *tiles])[: self.order]


def bytes_of(items: int, itemsize: int = 4) -> int:
    """What the Gram matrix of so many items takes."""
    size = min(TILE, items)
    stripes = -(-items // size) if items else 0
    return stripes * (stripes + 1) // 2 * size * size * itemsize


def is_narrow(cells: Any, l2: float) -> bool:
    """Whether float32 does: the condition is at most the largest sum of a row of X'X over ``l2``, plus one."""
    return bool((cells.T @ cells.sum(axis=1)).max() / l2 < TOO_NARROW)


def gram(cells: Any, l2: float) -> Gram:
    """X'X + l2 I of a CSR matrix of users in rows and items in columns, in float32 where that does, or in float64."""
    cells = cells.astype(np.float32 if not cells.nnz or is_narrow(cells, l2) else np.float64)
    by_item, order = cells.T.tocsr(), cells.shape[1]
    size = min(TILE, max(order, 1))
    stripes = -(-order // size)
    whole = Gram(np.zeros((stripes * (stripes + 1) // 2, size, size), cells.dtype), order)
    for i in range(stripes):
        start, end = whole.bounds(i)
        rows = (by_item[start:end] @ cells).tocsc()
        for j in range(i + 1):
            left, right = whole.bounds(j)
            whole.tiles[_place(i, j), : end - start, : right - left] = rows[:, left:right].toarray()
        whole.tiles[_place(i, i)] += np.diag(np.where(np.arange(size) < end - start, l2, 1).astype(cells.dtype))
    return whole


def invert(matrix: Gram, threads: int = 0) -> Gram:
    """The inverse, in the memory of the matrix, which is lost. Raises ``NotDefinite``."""
    stripes, size = matrix.stripes, matrix.tiles.shape[1]
    panel = np.empty((stripes, size, size), matrix.tiles.dtype)
    solved = np.empty_like(panel)
    with crew(threads) as each:
        for pivot in range(stripes):
            _eliminate(matrix.tiles, pivot, panel, solved, each=each)
    np.negative(matrix.tiles, out=matrix.tiles)
    return Gram(matrix.tiles, matrix.order)


def _eliminate(tiles: Floats, pivot: int, panel: Floats, solved: Floats, *, each: Each) -> None:
    """One block of Gauss-Jordan: A_ij -= A_ip A_pp^-1 A_pj, then A_ip = A_ip A_pp^-1 and A_pp = -A_pp^-1."""
    others = [i for i in range(len(panel)) if i != pivot]
    inverse = _inverse(tiles[_place(pivot, pivot)])

    def solve(i: int) -> None:
        panel[i] = _tile(tiles, i, pivot)
        np.matmul(panel[i], inverse, out=solved[i])

    def update(i: int) -> None:
        product = np.empty_like(inverse)
        for j in others[: others.index(i) + 1]:
            np.matmul(solved[i], panel[j].T, out=product)
            tiles[_place(i, j)] -= product

    each(solve, others)
    each(update, reversed(others))  # the longest first, so that no thread is left with much at the end
    for i in others:
        tiles[_place(max(i, pivot), min(i, pivot))] = solved[i] if i > pivot else solved[i].T
    tiles[_place(pivot, pivot)] = -inverse


def _inverse(tile: Floats) -> Floats:
    factorize, invert_factor = get_lapack_funcs(("potrf", "potri"), (tile,))
    factor, failed = factorize(tile, lower=1)
    if failed:
        raise NotDefinite(f"the leading minor {failed} of a pivot block is not positive in {tile.dtype}")
    lower, _ = invert_factor(factor, lower=1)
    inverse: Floats = np.ascontiguousarray(np.tril(lower) + np.tril(lower, -1).T)
    return inverse


def _place(i: int, j: int) -> int:
    return i * (i + 1) // 2 + j


def _tile(tiles: Floats, i: int, j: int) -> Floats:
    tile: Floats = tiles[_place(i, j)] if i >= j else tiles[_place(j, i)].T
    return tile
