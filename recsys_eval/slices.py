"""Slices: the same metric on a part of the truth, because a mean hides who pays for it.

A slice is a set of relevant (user_id, item_id) pairs: all pairs of some users (new ones, a segment), or the pairs of
some items (new ones, a category), where a user counts with those pairs only. Every surface is graded by itself, so a
surface is no slice; a team that mixes them in one file passes a label file with a column ``surface``.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from recsys_eval.errors import InvalidFrame, UnknownMetric
from recsys_eval.frames import checked_catalog, checked_train, checked_truth
from recsys_eval.metrics.evaluation import Metrics
from recsys_eval.metrics.hits import Vector, of_pairs
from recsys_eval.metrics.ranking import RANKING
from recsys_eval.statistics import paired_interval
from recsys_eval.verdict import SliceValue

HOT_ITEMS = 5  # a user with as many different items in train, or more, is hot; with none, cold
HISTORY = "user history"
ITEM_AGE = "item age"


class Slice(NamedTuple):
    """A part of the truth (user_id, item_id): one value of one dimension.

    Stability: public
    """

    dimension: str
    name: str
    truth: pl.DataFrame


class SliceMean(NamedTuple):
    """A metric of one system on a slice, with its interval.

    Stability: public
    """

    dimension: str
    name: str
    users: int
    value: float
    low: float
    high: float


def slices_of(
    truth: pl.DataFrame,
    *,
    train: pl.DataFrame | None = None,
    catalog: pl.DataFrame | None = None,
    labels: Sequence[pl.DataFrame] = (),
) -> tuple[Slice, ...]:
    """The slices of ``truth`` (user_id, item_id) that the tables tell apart, by dimension, then by name.

    ``train`` (user_id, item_id) gives users that are cold (nothing before), warm (1 to 4 items) and hot (5 or more),
    and items that are new (nobody had them) or known; ``catalog`` gives a slice per ``category``; each further text
    column of ``labels`` (user_id, item_id or both) is a dimension, such as ``segment``. What has no label has no slice.

    >>> truth = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": ["tea", "tea"]})
    >>> train = pl.DataFrame({"user_id": ["ann"], "item_id": ["tea"]})
    >>> [(each.dimension, each.name, each.truth.height) for each in slices_of(truth, train=train)]
    [('item age', 'known', 2), ('user history', 'cold', 1), ('user history', 'warm', 1)]

    Stability: public
    """
    pairs = checked_truth(truth)
    marked = [*_by_past(pairs, train), *_by_category(pairs, catalog)]
    marked += [part for label in labels for part in _by_label(pairs, label)]
    found = [
        Slice(dimension, str(name), rows.select("user_id", "item_id"))
        for dimension, part in marked
        for (name,), rows in part.drop_nulls("slice").group_by("slice", maintain_order=True)
    ]
    return tuple(sorted(found, key=lambda each: each[:2]))


def compared(
    parts: Sequence[Slice],
    candidate: Metrics,
    incumbent: Metrics,
    metric: str,
    *,
    minimum_users: int,
    confidence: float,
) -> tuple[SliceValue, ...]:
    """Both systems on every slice with ``minimum_users``, those that lost most first.

    Student's intervals of the paired differences, at the confidence that all of them hold together (Bonferroni), so
    that one in twenty slices does not move by chance. Empty for a metric that is not made of hits alone.

    Stability: public
    """
    base, _, digits = metric.partition("@")
    if base not in RANKING or candidate.hits is None or incumbent.hits is None:
        return ()
    large = [part for part in parts if part.truth["user_id"].n_unique() >= max(minimum_users, 2)]
    each = 1 - (1 - confidence) / max(len(large), 1)
    values = []
    for part in large:
        now, before = (_measured(part, system.hits, base, int(digits)) for system in (candidate, incumbent))
        values.append(_value(part, now, before, each))
    return tuple(sorted(values, key=lambda one: (one.difference or 0.0, one.dimension, one.name)))


def means(
    parts: Sequence[Slice], system: Metrics, metric: str, *, minimum_users: int = 30, confidence: float = 0.95
) -> tuple[SliceMean, ...]:
    """The metric of one system on every slice with ``minimum_users``, in their order.

    Each interval is one of its own, for a look at where a system is good. Whether a slice differs between two systems
    is ``compared``'s to say. Raises ``UnknownMetric`` for a metric that is not made of hits alone.

    Stability: public
    """
    base, _, digits = metric.partition("@")
    if base not in RANKING or not digits.isdecimal() or system.hits is None:
        raise UnknownMetric(
            f"{metric!r} cannot be sliced; the metrics that can are {', '.join(RANKING)}, such as ndcg@10"
        )
    found = []
    for part in parts:
        if part.truth["user_id"].n_unique() >= max(minimum_users, 2):
            values = _measured(part, system.hits, base, int(digits))
            low, high = paired_interval(values, confidence)
            mean = round(float(values.mean()), 6)
            found.append(SliceMean(part.dimension, part.name, values.size, mean, max(low, 0.0), min(high, 1.0)))
    return tuple(found)


def smallest_moved(values: Sequence[SliceValue]) -> SliceValue | None:
    """The slice with the fewest users among those that moved: where to look first; None if none did.

    Stability: public
    """
    moved = [value for value in values if value.moved]
    return min(moved, key=lambda one: (one.users, one.dimension, one.name), default=None)


def described(value: SliceValue, metric: str) -> str:
    """A slice in one line, with its numbers."""
    name = f"{value.dimension} {value.name!r} ({value.users} users)"
    if value.difference is None or value.low is None or value.high is None:
        return f"{name}: {metric} {value.candidate:.4f} against {value.incumbent:.4f}"
    return f"{name}: {metric} {value.difference:+.1%} ({value.low:+.1%} to {value.high:+.1%})"


def _measured(part: Slice, hits: pl.DataFrame | None, base: str, k: int) -> Vector:
    """The metric per user of the slice, in the order of their ids."""
    found = part.truth.join(hits, on=["user_id", "item_id"]) if hits is not None else part.truth.clear()
    return RANKING[base](of_pairs(found, part.truth).hits, k)


def _value(part: Slice, candidate: Vector, incumbent: Vector, confidence: float) -> SliceValue:
    now, before = float(candidate.mean()), float(incumbent.mean())
    low, high = paired_interval(candidate - incumbent, confidence)
    shares = [round(one / before, 6) for one in (now - before, low, high)] if before > 0 else [None] * 3
    return SliceValue(
        dimension=part.dimension,
        name=part.name,
        users=candidate.size,
        candidate=round(now, 12),
        incumbent=round(before, 12),
        difference=shares[0],
        low=shares[1],
        high=shares[2],
        moved="up" if low > 0 else "down" if high < 0 else "",
    )


Marked = Iterator[tuple[str, pl.DataFrame]]


def _by_past(pairs: pl.DataFrame, train: pl.DataFrame | None) -> Marked:
    if train is None:
        return
    past = checked_train(train)
    had = pl.col("had").fill_null(0)
    degree = pl.when(had == 0).then(pl.lit("cold")).when(had < HOT_ITEMS).then(pl.lit("warm")).otherwise(pl.lit("hot"))
    yield HISTORY, _joined(pairs, past.group_by("user_id").agg(had=pl.len())).with_columns(slice=degree)
    age = pl.when(had == 0).then(pl.lit("new")).otherwise(pl.lit("known"))
    yield ITEM_AGE, _joined(pairs, past.group_by("item_id").agg(had=pl.len())).with_columns(slice=age)


def _by_category(pairs: pl.DataFrame, catalog: pl.DataFrame | None) -> Marked:
    if catalog is not None and "category" in catalog.columns:
        yield "category", _joined(pairs, checked_catalog(catalog).select("item_id", slice="category"))


def _by_label(pairs: pl.DataFrame, label: pl.DataFrame) -> Marked:
    keys = [name for name in ("user_id", "item_id") if name in label.columns]
    if not keys:
        raise InvalidFrame("labels need a column user_id or item_id to say what they are of")
    if label.select(keys).is_duplicated().any():
        raise InvalidFrame(f"labels repeat a {' and '.join(keys)}; give one row each, or a file per dimension")
    for name in (column for column, kind in label.schema.items() if kind == pl.String and column not in keys):
        yield name, _joined(pairs, label.select(*keys, slice=name))


def _joined(pairs: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    keys = [name for name in ("user_id", "item_id") if name in known.columns]
    return pairs.join(known, on=keys, how="left", maintain_order="left")
