"""What a policy did and what came of it, beside what another policy would have done: checked once, at the door."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from recsys_eval.columns import as_ids, as_numbers
from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.frames import repeated
from recsys_eval.metrics.hits import Vector

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
WHOLE = 1e-3  # how far probabilities may be from adding up to 1: they come from files, rounded
FEATURES = "x_"


@dataclass(frozen=True)
class Policy:
    """What the new policy would do: ``chances`` (situations, actions), each row adding up to 1.

    ``situation`` is the row of each logged decision; few rows serve many decisions where only the rank matters.

    Stability: experimental
    """

    chances: Vector
    situation: Ints


@dataclass(frozen=True)
class Logged:
    """Logged decisions, one per shown place: what was shown (``action``, an index into ``actions``), its ``reward``.

    ``propensity`` is the probability with which the old policy showed it (in 0..1, never 0), ``target`` that of the new
    one. ``rank`` counts from 1, ``request`` and ``unit`` number the answers and whoever is independent of others
    (users, or answers). ``features`` (decisions, features) describe the situation. ``predicted`` and ``expected`` are
    of a reward model of one's own: for what was shown, and on average over what the new policy would show.

    Stability: experimental
    """

    reward: Vector
    propensity: Vector
    target: Vector
    action: Ints
    rank: Ints
    request: Ints
    unit: Ints
    features: Vector
    actions: tuple[str, ...]
    policy: Policy | None = None
    predicted: Vector | None = None
    expected: Vector | None = None

    @property
    def weight(self) -> Vector:
        """How much likelier the new policy shows what was shown."""
        return self.target / self.propensity


def logged(log: pl.DataFrame, target: pl.DataFrame | None = None) -> Logged:
    """The decisions of a log, in the order of request and rank.

    ``log`` (request_id, item_id, reward, propensity; rank, user_id, target, predicted and expected, numbers named
    ``x_*``) has one row per shown place; what stands after the semicolon may be missing, rank is 1 then. ``target``
    (item_id, probability; rank, request_id) is all that the new policy would do: for every answer and rank, for every
    rank, or always the same. Without it the column ``target`` of the log is needed. Raises ``InvalidFrame`` for
    propensities that are not above 0 and at most 1, probabilities that do not add up to 1, numbers that are none,
    repeated places; ``NothingToEvaluate`` for an empty log.

    Stability: experimental
    """
    rows = _rows(log)
    target = None if target is None else as_ids(target, "target", ["item_id"])
    items = rows["item_id"] if target is None else pl.concat([rows["item_id"], target["item_id"]])
    actions = items.unique().sort()
    features = [name for name in rows.columns if name.startswith(FEATURES)]
    own = {"predicted", "expected"} <= set(rows.columns)
    decisions = Logged(
        reward=rows["reward"].to_numpy(),
        propensity=rows["propensity"].to_numpy(),
        target=np.zeros(rows.height) if target is not None else _target(rows),
        action=actions.search_sorted(rows["item_id"]).to_numpy().astype(np.int64),
        rank=rows["rank"].to_numpy(),
        request=_codes(rows["request_id"]),
        unit=_codes(rows["user_id" if "user_id" in rows.columns else "request_id"]),
        features=rows.select(features).to_numpy() if features else np.zeros((rows.height, 0)),
        actions=tuple(actions),
        predicted=rows["predicted"].to_numpy() if own else None,
        expected=rows["expected"].to_numpy() if own else None,
    )
    return decisions if target is None else _with_policy(decisions, rows, target, actions)


def _rows(log: pl.DataFrame) -> pl.DataFrame:
    rows = as_ids(log, "log", ["request_id", "item_id", *(["user_id"] if "user_id" in log.columns else [])])
    if rows.is_empty():
        raise NothingToEvaluate("log has no rows: nothing was shown")
    optional = {"rank", "target", "predicted", "expected"} & set(rows.columns)
    features = [name for name in rows.columns if name.startswith(FEATURES)]
    rows = as_numbers(rows, "log", ["reward", "propensity", *sorted(optional), *features])
    rows = _ranked(rows, "log") if "rank" in rows.columns else rows.with_columns(rank=pl.lit(1, pl.Int64))
    rows = rows.sort("request_id", "rank", "item_id")
    _refuse_chances(rows, "propensity", zero=False)
    for place in (("request_id", "rank"), ("request_id", "item_id")):
        twice = repeated(rows, place)
        if twice.height:
            raise InvalidFrame(
                f"log: {place[1]} {twice[place[1]][0]!r} of answer {twice['request_id'][0]!r} is repeated"
            )
    return rows


def _ranked(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    """With ranks as whole numbers from 1 on, which numbers are only if they are in that range."""
    rank = pl.col("rank")
    wrong = rows.filter((rank < 1) | (rank != rank.floor()) | (rank > np.iinfo(np.int32).max))
    if wrong.height:
        raise InvalidFrame(f"{table}: rank {wrong['rank'][0]:g} is none; ranks are whole numbers that count from 1")
    return rows.with_columns(rank.cast(pl.Int64))


def _target(rows: pl.DataFrame) -> Vector:
    if "target" not in rows.columns:
        raise InvalidFrame("log has no column 'target': give it, or a table of what the new policy would do")
    _refuse_chances(rows, "target", zero=True)
    return rows["target"].to_numpy()


def _with_policy(decisions: Logged, rows: pl.DataFrame, target: pl.DataFrame, actions: pl.Series) -> Logged:
    keys = [name for name in ("request_id", "rank") if name in target.columns]
    named = as_numbers(
        as_ids(target, "target", ["item_id", *(key for key in keys if key != "rank")]),
        "target",
        ["probability", *(key for key in keys if key == "rank")],
    )
    named = _ranked(named, "target") if "rank" in keys else named
    _refuse_chances(named.rename({"probability": "target"}), "target", zero=True)
    situations = named.select(keys).unique(maintain_order=True) if keys else pl.DataFrame({"always": [True]})
    situations = situations.with_row_index("situation")
    placed = named.join(situations, on=keys, how="left") if keys else named.with_columns(situation=pl.lit(0))
    chances = np.zeros((situations.height, len(actions)))
    where = (placed["situation"].to_numpy(), actions.search_sorted(placed["item_id"]).to_numpy())
    np.add.at(chances, where, placed["probability"].to_numpy())
    _refuse_parts(chances, situations)
    if keys:
        found = rows.select(keys).join(situations, on=keys, how="left", maintain_order="left")["situation"]
    else:
        found = pl.repeat(0, rows.height, eager=True)
    if found.null_count():
        row = rows.row(found.is_null().arg_max() or 0, named=True)
        raise InvalidFrame(f"target says nothing about {', '.join(f'{key} {row[key]!r}' for key in keys)} of the log")
    situation = found.to_numpy().astype(np.int64)
    return replace(decisions, target=chances[situation, decisions.action], policy=Policy(chances, situation))


def _refuse_parts(chances: Vector, situations: pl.DataFrame) -> None:
    sums = chances.sum(axis=1)
    wrong = np.abs(sums - 1) > WHOLE
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidFrame(
            f"target: the probabilities for {situations.drop('situation').row(row, named=True)} add up to "
            f"{sums[row]:g}, not to 1"
        )


def _refuse_chances(rows: pl.DataFrame, column: str, *, zero: bool) -> None:
    value = pl.col(column)
    wrong = rows.filter((value < 0) | (value > 1) | ((value == 0) & (not zero)))
    if wrong.height:
        row = wrong.row(0, named=True)
        such = ", ".join(f"{name} {row[name]!r}" for name in ("request_id", "item_id") if name in row)
        rule = "at least 0 and at most 1" if zero else "above 0 and at most 1: what is never shown cannot be in the log"
        raise InvalidFrame(f"{column} {row[column]:g} of {such}: a probability is {rule} ({wrong.height} such rows)")


def _codes(ids: pl.Series) -> Ints:
    return ids.rank("dense").to_numpy().astype(np.int64) - 1
