"""Regression trees that score candidates, evaluated without the library that grew them.

A tree is not walked node by node: of every feature one looks up, once, which leaves its value rules out in every tree.
What is left over after all features is where the candidate ends, the leftmost leaf that nobody ruled out (QuickScorer:
Lucchese et al., 2015, SIGIR). So 100 trees cost one table row per candidate and feature, whatever their depth. Leaf
values are whole multiples of 2^-30: their sum is exact, and the order the same on every machine.

``matrix`` is candidates x features, float64; a value that is not known is NaN, for which every split has a side.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from recsys_algo.arrays import Array, Arrays, array
from recsys_algo.errors import BadArtifact

SECOND_STAGE = "second_stage."  # artifacts of this name and a surface's
WEIGHTS, LAMBDAMART = "weights", "lambdamart"  # their kinds
PER_SOURCE = ("rank", "score")
COMMON = (
    *("blend", "sources", "popularity", "age_days", "price_minor", "price_ratio"),
    *("category_share", "brand_share", "anchors"),
)
MOST_LEAVES = 32  # bits of the widest mask
_MASKS: dict[int, type[np.unsignedinteger[Any]]] = {16: np.uint16, 32: np.uint32}  # by the leaves that a tree may have
_UNIT = 2.0**30
NODES = ("tree", "node", "feature", "threshold", "missing_left", "left", "right", "value")
Columns = Mapping[str, Sequence[Any]]


def feature_names(sources: Sequence[str]) -> tuple[str, ...]:
    """The columns of a feature matrix over these sources (see `recsys_algo.features`)."""
    return (*(f"{source}.{kind}" for source in sources for kind in PER_SOURCE), *COMMON)


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of trees. ``thresholds`` and ``masks`` are per feature that any tree asks for, by the number of its column.

    ``masks[f]`` is (thresholds + 2) x trees: a row for every number of thresholds that lie below a value, and the last
    one for a value that is missing. ``leaves`` is trees x leaves.
    """

    asked: tuple[int, ...]
    thresholds: tuple[Array, ...]
    masks: tuple[Array, ...]
    leaves: Array

    @classmethod
    def of(cls, arrays: Arrays, features: int) -> Self:
        """The trees in these arrays, over so many features. Raises ``BadArtifact``."""
        thresholds, bounds, masks, leaves = (
            array(arrays, name) for name in ("thresholds", "bounds", "masks", "leaves")
        )
        rows = len(thresholds) + 2 * features
        if leaves.ndim != 2 or masks.dtype != _MASKS.get(leaves.shape[1]):  # noqa: PLR2004  (trees x leaves)
            raise BadArtifact(f"masks of {masks.dtype} do not go with leaves of {leaves.shape}")
        if len(bounds) != features + 1 or bounds[-1] != len(thresholds) or masks.shape != (rows, len(leaves)):
            raise BadArtifact(
                f"bounds of {len(bounds)}, {len(thresholds)} thresholds and masks of {masks.shape} do not make"
                f" {len(leaves)} trees over {features} features"
            )
        asked = tuple(number for number in range(features) if bounds[number] < bounds[number + 1])
        return cls(
            asked,
            tuple(thresholds[bounds[f] : bounds[f + 1]] for f in asked),
            tuple(masks[bounds[f] + 2 * f : bounds[f + 1] + 2 * f + 2] for f in asked),
            leaves,
        )

    def scores(self, matrix: Array) -> Array:
        """The sum over all trees for every row, in units of 2^-30, as int64."""
        incomplete = np.isnan(matrix.sum(axis=0)).tolist()  # few columns are, and only those are looked at again
        mask = _MASKS[self.leaves.shape[1]]
        left = np.full((len(matrix), len(self.leaves)), np.iinfo(mask).max, mask)
        for feature, thresholds, masks in zip(self.asked, self.thresholds, self.masks, strict=True):
            values = matrix[:, feature]
            below = thresholds.searchsorted(values)
            if incomplete[feature]:
                below[np.isnan(values)] = len(thresholds) + 1
            np.bitwise_and(left, masks.take(below, axis=0), out=left)
        exponents = (left & -left).astype(np.float32).view(np.int32)  # of a power of two: how far left its bit is
        exponents >>= 23
        exponents += self._offsets
        total: Array = self.leaves.ravel()[exponents.astype(np.int64)].sum(axis=1)
        return total

    @cached_property
    def _offsets(self) -> Array:
        """Where the leaves of each tree begin, less the exponent that stands for the first one."""
        offsets: Array = np.arange(len(self.leaves), dtype=np.int32) * np.int32(self.leaves.shape[1]) - np.int32(127)
        return offsets


@dataclass(frozen=True, eq=False)
class Ranker:
    """What orders candidates anew: trees over the features of these sources."""

    sources: tuple[str, ...]
    trees: Trees

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """The ranker in these arrays. Raises ``BadArtifact``, also where it was trained on other features than ours."""
        sources = tuple(array(arrays, "sources").tolist())
        known, learned = feature_names(sources), tuple(array(arrays, "features").tolist())
        if known != learned:
            odd = sorted(set(known) ^ set(learned)) or "their order"
            raise BadArtifact(f"it was trained on other features than this ranking core computes: {odd}")
        return cls(sources, Trees.of(arrays, len(known)))

    def order(self, matrix: Array) -> Array:
        """The rows of the matrix, best first; equal scores keep their order."""
        places: Array = (-self.trees.scores(matrix)).argsort(kind="stable")
        return places


def weights_of(arrays: Arrays) -> dict[str, float]:
    """Learned weights by source. Raises ``BadArtifact``."""
    sources, weights = array(arrays, "sources").tolist(), array(arrays, "weights")
    if len(sources) != len(weights) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise BadArtifact(
            f"the weights of {', '.join(sources)} are {weights.tolist()}; they are at least 0, and not all"
        )
    return dict(zip(sources, weights.tolist(), strict=True))


def weight_arrays(weights: Mapping[str, float]) -> dict[str, Array]:
    """Learned weights as arrays."""
    names = sorted(weights)
    return {"sources": np.array(names, np.str_), "weights": np.array([weights[name] for name in names], np.float64)}


def ranker_arrays(sources: Sequence[str], nodes: Columns) -> dict[str, Array]:
    """Trees as the arrays of an artifact. ``nodes`` has the columns ``NODES``, one row per node, the root of each tree
    first; a leaf has a ``value`` and no ``feature``. A row goes left if its value is at most the threshold, and a
    missing one where ``missing_left`` says so.

    Raises ``ValueError`` for a tree of too many leaves, an unknown feature and a number that is not finite.
    """
    features = feature_names(sources)
    grown = [_Tree.of(tree, rows) for tree, rows in _by_tree(nodes)]
    unknown = {split.feature for tree in grown for split in tree.splits} - set(features)
    if unknown:
        raise ValueError(f"the trees ask for {', '.join(sorted(unknown))}; the features are {', '.join(features)}")
    width = min(width for width in _MASKS if width >= max((len(tree.leaves) for tree in grown), default=0))
    tables = [_table(feature, grown, width) for feature in features]
    return {
        "sources": np.array(sources, np.str_),
        "features": np.array(features, np.str_),
        "thresholds": np.concatenate([thresholds for thresholds, _ in tables]),
        "bounds": np.cumsum([0, *(len(thresholds) for thresholds, _ in tables)], dtype=np.int64),
        "masks": np.concatenate([masks for _, masks in tables]),
        "leaves": np.array([tree.leaves + [0] * (width - len(tree.leaves)) for tree in grown]).reshape(-1, width),
    }


class _Split(NamedTuple):
    """A split and the leaves that it rules out (as bits) for a candidate that goes right at it."""

    feature: str
    threshold: float
    missing_left: bool
    ruled_out: int


class _Tree(NamedTuple):
    splits: list[_Split]
    leaves: list[int]

    @classmethod
    def of(cls, tree: int, rows: Mapping[int, Mapping[str, Any]]) -> "_Tree":
        splits: list[_Split] = []
        leaves: list[int] = []

        def grow(node: int) -> None:
            row = rows[node]
            if row["feature"] is None:
                leaves.append(round(_finite(tree, row["value"]) * _UNIT))
                return
            first = len(leaves)
            grow(row["left"])
            ruled_out = (1 << len(leaves)) - (1 << first)
            threshold = _finite(tree, row["threshold"])
            splits.append(_Split(row["feature"], threshold, bool(row["missing_left"]), ruled_out))
            grow(row["right"])

        grow(next(iter(rows)))
        if len(leaves) > MOST_LEAVES:
            raise ValueError(f"tree {tree} has {len(leaves)} leaves; at most {MOST_LEAVES} can be served")
        return cls(splits, leaves)


def _finite(tree: int, number: float) -> float:
    if not np.isfinite(number):
        raise ValueError(f"tree {tree} has a threshold or a value of {number}; they are finite numbers")
    return float(number)


def _by_tree(nodes: Columns) -> Iterator[tuple[int, dict[int, dict[str, Any]]]]:
    trees: dict[int, dict[int, dict[str, Any]]] = {}
    for row in zip(*(nodes[name] for name in NODES), strict=True):
        node = dict(zip(NODES, row, strict=True))
        trees.setdefault(node["tree"], {})[node["node"]] = node
    yield from trees.items()


def _table(feature: str, trees: Sequence[_Tree], width: int) -> tuple[Array, Array]:
    """The thresholds of one feature over all trees, and the leaves left for every place between them."""
    own = [(number, split) for number, tree in enumerate(trees) for split in tree.splits if split.feature == feature]
    thresholds = np.unique([split.threshold for _, split in own]).astype(np.float64)
    mask = _MASKS[width]
    masks = np.full((len(thresholds) + 2, len(trees)), np.iinfo(mask).max, mask)
    for tree, split in own:
        place = int(thresholds.searchsorted(split.threshold))
        left = ~mask(split.ruled_out)
        masks[place + 1 : -1, tree] &= left  # those that lie above go right
        if not split.missing_left:
            masks[-1, tree] &= left
    return thresholds, masks
