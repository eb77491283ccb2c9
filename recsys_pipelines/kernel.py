"""The loops behind `similarity`, as machine code: the best columns of a product's rows.

Sums are made in the order of the cells, without contraction, so they have the same bits as scipy's. Compiling takes two
seconds, once for a machine; where nothing can be written beside the source or in the user's cache, once for a process.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Places = npt.NDArray[np.uint32]  # unsigned, for of a signed index numba asks each time whether it counts from the end
Loop = TypeVar("Loop", bound=Callable[..., Any])

LIKENESSES = ("count", "cosine", "jaccard", "lift", "confidence", "surprise")  # the place is the number
COSINE, JACCARD, LIFT, CONFIDENCE, SURPRISE = range(1, len(LIKENESSES))
SHORT = 200  # up to so many columns are kept in order; where more are wanted all are given as they come
CAUTION = 1 - 1e-9  # so that rounding never rejects what the exact formula would keep


class Rule(NamedTuple):
    """How sums become scores. ``support`` is how many terms a sum has, of at most ``total``.

    ``likeness`` is a place in ``LIKENESSES``; then comes the shrinkage ``support / (support + shrinkage)``. Two below
    ``min_support``, or whose log-likelihood ratio is below ``significance`` (0: whatever it is), are strangers.
    """

    likeness: int
    total: float
    shrinkage: float = 0.0
    min_support: int = 1
    significance: float = 0.0


class Alone(NamedTuple):
    """What every row and every column has without the other, and which column is the row itself, or -1."""

    row: Floats
    column: Floats
    own: Indices


class Csr(NamedTuple):
    """A sparse matrix; without ``cells`` all of them are 1."""

    starts: npt.NDArray[np.uint64]
    columns: Places
    cells: Floats


class Task(NamedTuple):
    """All that a search reads: the rows of ``left @ right``, scored."""

    left: Csr
    right: Csr
    alone: Alone
    by: Rule


class Met(NamedTuple):
    """What one row has with each column: the number of terms and, unless all are 1, their sum."""

    support: npt.NDArray[np.int32]
    sums: Floats
    columns: Places  # those with any, in the order in which they were met


class Best(NamedTuple):
    """The best columns of one row."""

    columns: Places
    scores: Floats


class Found(NamedTuple):
    """The best columns of the rows from ``start`` on, so many of each as ``lengths`` says; at most ``SHORT`` are in
    order, the best first, and of others there must be room for all.
    """

    start: int
    columns: Places
    scores: Floats
    lengths: Indices


def compiled(loop: Loop) -> Loop:
    """The function without the interpreter and its lock; divisions by 0 give what IEEE 754 says."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        machine: Any = njit(cache=True, **options)(loop)
    except RuntimeError:  # numba found no place for its cache
        machine = njit(**options)(loop)
    return cast(Loop, machine)


@compiled
def worse(score: float, near: int, than_score: float, than_near: int) -> Any:
    """Whether the one comes after the other: a lower score, or the same and a larger column."""
    return score < than_score or (score == than_score and near > than_near)


@compiled
def sink(columns: Any, scores: Any, place: int, size: int) -> None:
    """Let what stands at this place of the heap, whose root is the worst, go down to where it belongs."""
    near, score = columns[place], scores[place]
    while 2 * place + 1 < size:
        below = 2 * place + 1
        if below + 1 < size and worse(scores[below + 1], columns[below + 1], scores[below], columns[below]):
            below += 1
        if worse(score, near, scores[below], columns[below]):
            break
        columns[place], scores[place] = columns[below], scores[below]
        place = below
    columns[place], scores[place] = near, score


@compiled
def sort(columns: Any, scores: Any, size: int) -> None:
    """The best first: take the worst from the heap again and again."""
    for last in range(size - 1, 0, -1):
        near, score = columns[last], scores[last]
        columns[last], scores[last] = columns[0], scores[0]
        columns[0], scores[0] = near, score
        sink(columns, scores, 0, last)


@compiled
def insert(best: Best, size: int, near: int, score: float) -> Any:
    """Into a list in order, in the place of the worst one if it is full; how many there are now."""
    columns, scores = best
    last = min(size, len(columns) - 1)
    place = last
    while place > 0 and worse(scores[place - 1], columns[place - 1], score, near):
        columns[place], scores[place] = columns[place - 1], scores[place - 1]
        place -= 1
    columns[place], scores[place] = near, score
    return last + 1


@compiled
def meet(task: Task, row: int, met: Met) -> Any:
    """Count the terms that each column has with the row; how many columns have some."""
    number = 0
    for cell in range(task.left.starts[row], task.left.starts[row + 1]):
        term = task.left.columns[cell]
        for other in range(task.right.starts[term], task.right.starts[term + 1]):
            near = task.right.columns[other]
            met.columns[number] = near  # without a branch, which would be mispredicted every third time
            number += met.support[near] == 0
            met.support[near] += 1
    return number


@compiled
def weigh(task: Task, row: int, met: Met) -> Any:
    """The same, and sum the products of weights."""
    number = 0
    for cell in range(task.left.starts[row], task.left.starts[row + 1]):
        term, weight = task.left.columns[cell], task.left.cells[cell]
        for other in range(task.right.starts[term], task.right.starts[term + 1]):
            near = task.right.columns[other]
            met.columns[number] = near
            number += met.support[near] == 0
            met.support[near] += 1
            met.sums[near] += weight * task.right.cells[other]
    return number


@compiled
def information(found: float, expected: float) -> Any:
    """``found x log(found / expected)``, 0 for none."""
    return found * np.log(found / expected) if found > 0 else 0.0


@compiled
def surprise(by: Rule, both: float, one: float, other: float) -> Any:
    """The log-likelihood ratio of two that meet so often, against independence (Dunning, Computational Linguistics
    1993); below 0 where they meet more rarely than by chance.
    """
    total = by.total
    ratio = 2 * (
        information(both, one * other / total)
        + information(one - both, one * (total - other) / total)
        + information(other - both, other * (total - one) / total)
        + information(total - one - other + both, (total - one) * (total - other) / total)
    )
    return ratio if both * total > one * other else -ratio


@compiled
def likeness(by: Rule, both: float, one: float, other: float) -> Any:
    """How alike two are that have ``both`` together, and ``one`` and ``other`` alone."""
    if by.likeness == COSINE:
        return both / np.sqrt(one * other)
    if by.likeness == JACCARD:
        return both / (one + other - both)
    if by.likeness == LIFT:
        return by.total * both / (one * other)
    if by.likeness == CONFIDENCE:
        return both / one
    return surprise(by, both, one, other) if by.likeness == SURPRISE else both


@compiled
def choose(task: Task, row: int, met: Met, best: Best) -> Any:
    """The best of the columns that the row has met, which it forgets; how many they are. In order, if there is room for
    few.
    """
    by, one, own = task.by, task.alone.row[row], task.alone.own[row]
    columns, scores = best
    size, floor = 0, 0.0  # the floor is of squared cosines, and spares most columns a root
    for near in met.columns:
        support, other = met.support[near], task.alone.column[near]
        both = float(support)
        met.support[near] = 0
        if len(met.sums):
            both = met.sums[near]
            met.sums[near] = 0.0
        if support < by.min_support or near == own or both * both < floor * other:
            continue
        score = likeness(by, both, one, other) * support / (support + by.shrinkage)
        if not score > 0 or (size == len(columns) and worse(score, near, scores[-1], columns[-1])):
            continue
        if by.significance <= 0 or surprise(by, float(support), one, other) >= by.significance:
            if len(columns) > SHORT:  # then there is room for all
                columns[size], scores[size] = near, score
                size += 1
                continue
            size = insert(best, size, near, score)
            if by.likeness == COSINE and size == len(columns):
                floor = CAUTION * scores[-1] * scores[-1] * one
    return size


@compiled
def search(task: Task, found: Found) -> None:
    """Fill ``found``."""
    columns, weighted = len(task.alone.column), len(task.right.cells) > 0
    met = Met(np.zeros(columns, np.int32), np.zeros(columns if weighted else 0), np.empty(columns + 1, np.uint32))
    for place in range(len(found.lengths)):
        row = found.start + place
        number = weigh(task, row, met) if weighted else meet(task, row, met)
        some = Met(met.support, met.sums, met.columns[:number])
        found.lengths[place] = choose(task, row, some, Best(found.columns[place], found.scores[place]))
