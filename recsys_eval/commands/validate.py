"""``recsys-eval validate``: whether files are what they should be, and whether a split leaks."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from recsys_eval.errors import EvaluationError, InvalidFrame
from recsys_eval.files import read_table
from recsys_eval.frames import checked_catalog, checked_recs, checked_train, checked_truth
from recsys_eval.splits import Split, refuse_leak
from recsys_eval.spoken import aware, say

INVALID_EXIT_CODE = 2
CHECKED: Mapping[str, Any] = {
    "recs": checked_recs,
    "truth": checked_truth,
    "train": checked_train,
    "catalog": checked_catalog,
}


def validate(
    *,
    recs: Path | None = None,
    truth: Path | None = None,
    train: Path | None = None,
    catalog: Path | None = None,
    test: Path | None = None,
    cut: datetime | None = None,
) -> int:
    """Whether files are what they should be, and whether a split leaks: exit code 0 valid, 2 not.

    `recsys-eval validate --recs recs.csv --truth truth.csv`

    `recsys-eval validate --train train.parquet --test test.parquet --cut 2026-03-22T00:00:00Z`

    Parameters
    ----------
    recs
        Recommendations: user_id, item_id, rank.
    truth
        What users really chose: user_id, item_id.
    train
        What was known before: user_id, item_id, and ts to find leaks.
    catalog
        All that could be recommended: item_id.
    test
        Events that are predicted: user_id, item_id, ts.
    cut
        Where train ends and test begins; needs both.
    """
    given = {"recs": recs, "truth": truth, "train": train, "catalog": catalog}
    problems = {name: _problem(name, path) for name, path in given.items() if path is not None}
    if cut is not None:
        problems["split"] = _leak(train, test, aware(cut))
    if not problems:
        raise InvalidFrame("there is nothing to validate; name at least one file, such as --recs recs.csv")
    found = {name: problem for name, problem in problems.items() if problem}
    say({"valid": not found, "checked": list(problems), "problems": found})
    return INVALID_EXIT_CODE if found else 0


def _problem(name: str, path: Path) -> str | None:
    try:
        CHECKED[name](read_table(path))
    except EvaluationError as error:
        return str(error)
    return None


def _leak(train: Path | None, test: Path | None, cut: datetime) -> str | None:
    if train is None or test is None:
        raise InvalidFrame("--cut needs both --train and --test")
    try:
        refuse_leak(Split(read_table(train), read_table(test)), cut)
    except EvaluationError as error:
        return str(error)
    return None
