"""``recsys-eval split``: events into what may be learned from and what is predicted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from cyclopts import Parameter

from recsys_eval.errors import InvalidFrame
from recsys_eval.files import read_table, write_table
from recsys_eval.frames import need
from recsys_eval.splits import Split, last_k_split, span, time_folds, time_split
from recsys_eval.spoken import aware, say


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Rule:
    """How events are split; exactly one of cut, last_k and folds."""

    cut: datetime | None = None
    "All before it is train, the rest is test; UTC if it has no offset."
    last_k: int | None = None
    "Hold out this many events of each user. Other users' future stays in train."
    folds: int | None = None
    "This many time splits one after the other, up to `end`; put {fold} into both file names."
    fold_days: float = 7.0
    "How long the test of each fold is."
    end: datetime | None = None
    "Where the last fold ends; default: after the newest event."


def split(events: Path, *, train: Path, test: Path, rule: Rule | None = None) -> int:
    """Split events by time, hold out each user's last ones, or cut them into folds.

    `recsys-eval split events.csv --cut 2026-03-22T00:00:00Z --train train.parquet --test test.parquet`

    `recsys-eval split events.csv --folds 3 --fold-days 7 --train train-{fold}.parquet --test test-{fold}.parquet`

    Parameters
    ----------
    events
        What happened: user_id, item_id, ts.
    train
        The file to write for training.
    test
        The file to write for testing.
    """
    rule = rule or Rule()
    if sum(given is not None for given in (rule.cut, rule.last_k, rule.folds)) != 1:
        raise InvalidFrame("say either --cut TIME or --last-k COUNT or --folds COUNT")
    rows = read_table(events)
    parts = _parts(rows, rule)
    if rule.folds is not None and not all("{fold}" in path.name for path in (train, test)):
        raise InvalidFrame("folds are several files: put {fold} into the names of --train and --test")
    for number, part in enumerate(parts, start=1):
        _refuse_empty(part, f"{rows.height} in {events}", f" of fold {number}" if rule.folds else "")
    for number, part in enumerate(parts, start=1):
        write_table(part.train, _numbered(train, number))
        write_table(part.test, _numbered(test, number))
    sizes = [{"train": part.train.height, "test": part.test.height} for part in parts]
    return say({"folds": sizes} if rule.folds else sizes[0])


def _parts(rows: pl.DataFrame, rule: Rule) -> list[Split]:
    if rule.cut is not None:
        return [time_split(rows, aware(rule.cut))]
    if rule.folds is None:
        return [last_k_split(rows, rule.last_k or 0)]
    need(rows, "events", ("ts",))
    end = aware(rule.end) if rule.end else span(rows)[1] + timedelta(microseconds=1)
    return [Split(fold.train, fold.test) for fold in time_folds(rows, end, rule.folds, timedelta(days=rule.fold_days))]


def _refuse_empty(parts: Split, of: str, which: str) -> None:
    for name, part in parts._asdict().items():
        if part.is_empty():
            raise InvalidFrame(f"{name}{which} would have no rows of the {of}; nothing was written")


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(path.name.replace("{fold}", str(number)))
