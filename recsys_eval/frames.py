"""The tables that an evaluation reads, checked once at the door, so that no metric has to guess.

Each function returns the columns that are needed, in order, or raises ``InvalidFrame`` that names the table, the rule,
an offending row and what to do. Ids are strings: 7, "7" and "07" must not meet by accident.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from recsys_eval.errors import InvalidFrame, NothingToEvaluate

SHOWN_NAMES, SHOWN_LETTERS = 30, 100


def checked_recs(recs: pl.DataFrame) -> pl.DataFrame:
    """``recs`` as (user_id, item_id, rank): rank counts from 1, no item and no rank twice for a user.

    A gap in the ranks is a place without a hit. ``score`` is optional and only checked: it must be a number.
    """
    _need(recs, "recs", strings=("user_id", "item_id"), integers=("rank",))
    _refuse(recs, "recs", pl.col("rank") < 1, "have a rank below 1; ranks count from 1")
    if "score" in recs.columns:
        _refuse(recs, "recs", ~pl.col("score").cast(pl.Float64).is_finite(), "have a score that is not a number")
    _refuse_repeated(recs, "recs", ("user_id", "item_id"), "recommend an item to the same user twice")
    _refuse_repeated(recs, "recs", ("user_id", "rank"), "give one rank to two items of the same user")
    return recs.select("user_id", "item_id", "rank")


def checked_scores(recs: pl.DataFrame) -> pl.DataFrame:
    """``recs`` with a ``score`` (user_id, item_id, score; further columns are kept) that can be put in order."""
    _need(recs, "recs", strings=("user_id", "item_id"))
    need(recs, "recs", ("score",))
    if not recs.schema["score"].is_numeric():
        raise InvalidFrame(f"recs.score is {recs.schema['score']}; it must be a number")
    odd = pl.col("score").is_null() | ~pl.col("score").cast(pl.Float64).is_finite()
    _refuse(recs, "recs", odd, "have a score that is not a number")
    return recs


def checked_truth(truth: pl.DataFrame) -> pl.DataFrame:
    """``truth`` as (user_id, item_id): one row per relevant item of a user."""
    _need(truth, "truth", strings=("user_id", "item_id"))
    if truth.is_empty():
        raise NothingToEvaluate("truth has no rows: there is nobody to evaluate for")
    _refuse_repeated(truth, "truth", ("user_id", "item_id"), "repeat a relevant item; call unique() on it")
    return truth.select("user_id", "item_id")


def checked_train(train: pl.DataFrame) -> pl.DataFrame:
    """``train`` as distinct (user_id, item_id) pairs; events may repeat a pair."""
    _need(train, "train", strings=("user_id", "item_id"))
    return train.select("user_id", "item_id").unique()


def checked_catalog(catalog: pl.DataFrame) -> pl.DataFrame:
    """``catalog`` with one row per ``item_id``, in the order of the ids; further columns are kept."""
    _need(catalog, "catalog", strings=("item_id",))
    if catalog.is_empty():
        raise InvalidFrame("catalog has no rows: coverage has no denominator; pass the items that could be recommended")
    _refuse_repeated(catalog, "catalog", ("item_id",), "repeat an item; keep its newest row")
    return catalog.sort("item_id")


def need(frame: pl.DataFrame, table: str, columns: Sequence[str]) -> None:
    """Refuse a frame that lacks one of the columns."""
    for column in columns:
        if column not in frame.columns:
            raise InvalidFrame(f"{table} has no column {column!r}; it has {_listed(frame.columns) or 'none'}")


def _listed(names: Sequence[str]) -> str:
    """The first names, also where the file is no table at all and they are anything."""
    shown = [name if name.isprintable() else repr(name) for name in (name[:SHOWN_LETTERS] for name in names)]
    return ", ".join(shown[:SHOWN_NAMES]) + (", ..." if len(shown) > SHOWN_NAMES else "")


def _need(frame: pl.DataFrame, table: str, strings: Sequence[str], integers: Sequence[str] = ()) -> None:
    need(frame, table, (*strings, *integers))
    for column in strings:
        if frame.schema[column] != pl.String:
            raise InvalidFrame(f"{table}.{column} is {frame.schema[column]}; ids are strings: cast it to pl.String")
    for column in integers:
        if not frame.schema[column].is_integer():
            raise InvalidFrame(f"{table}.{column} is {frame.schema[column]}; it must be a whole number")
    for column in (*strings, *integers):
        if frame[column].null_count():
            raise InvalidFrame(f"{table}.{column} is empty in {frame[column].null_count()} of {frame.height} rows")


def _refuse(frame: pl.DataFrame, table: str, broken: pl.Expr, complaint: str) -> None:
    if frame.select(broken.any()).item():
        rows = frame.filter(broken)
        raise InvalidFrame(f"{table}: {_counted(rows.height)} {complaint}; such as {_shown(rows)}")


def _refuse_repeated(frame: pl.DataFrame, table: str, key: tuple[str, ...], complaint: str) -> None:
    rows = repeated(frame, key)
    if rows.height:
        raise InvalidFrame(f"{table}: {_counted(rows.height)} {complaint}; such as {_shown(rows)}")


def repeated(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """The rows whose key stands in another row too.

    Row hashes are compared first and rows only where hashes meet: exact, and 5 times faster than ``is_duplicated``
    (0.04 against 0.25 s for 2 million rows).
    """
    hashes = frame.select(key).hash_rows()
    ordered = np.sort(hashes.to_numpy())
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not twice.size:
        return frame.clear()
    suspects = frame.filter(hashes.is_in(np.unique(twice).tolist()))
    return suspects.filter(suspects.select(key).is_duplicated())


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _shown(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    return ", ".join(f"{name} {first[name]!r}" for name in ("user_id", "item_id", "rank", "score") if name in first)
