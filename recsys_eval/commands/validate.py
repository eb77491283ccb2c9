"""``recsys-eval validate``: whether files are what they should be, and whether a split leaks."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from recsys_eval.errors import EvaluationError, InvalidFrame
from recsys_eval.files import read_table
from recsys_eval.frames import checked_catalog, checked_recs, checked_train, checked_truth
from recsys_eval.metrics.ties import ranked
from recsys_eval.splits import Split, given_split, refuse_feature_leak, refuse_leak
from recsys_eval.spoken import aware, say

INVALID_EXIT_CODE = 2
CHECKED: Mapping[str, Any] = {
    "recs": checked_recs,
    "truth": checked_truth,
    "train": checked_train,
    "catalog": checked_catalog,
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Tables:
    """What may be checked, each for itself."""

    recs: Path | None = None
    "Recommendations: user_id, item_id, and rank or score or both."
    truth: Path | None = None
    "What users really chose: user_id, item_id."
    train: Path | None = None
    "What was known before: user_id, item_id, and ts to find leaks."
    catalog: Path | None = None
    "All that could be recommended: item_id."


def validate(
    *,
    tables: Tables | None = None,
    test: Path | None = None,
    cut: datetime | None = None,
    features: tuple[Path, ...] = (),
) -> int:
    """Whether files are what they should be, and whether a split leaks: exit code 0 valid, 2 not.

    `recsys-eval validate --recs recs.csv --truth truth.csv`

    `recsys-eval validate --train train.parquet --test test.parquet --cut 2026-03-22T00:00:00Z --features users.parquet`

    Parameters
    ----------
    test
        Events that are predicted: user_id, item_id, ts; with train, the split of the two.
    cut
        Where train ends and test begins; without it the first event of test.
    features
        What a model was told of users or items, with as_of; checked against the cut. May be repeated.
    """
    given = {name: path for name, path in asdict(tables or Tables()).items() if path is not None}
    at, train = cut and aware(cut), given.get("train")
    looks: dict[str, Callable[[], object]] = {name: partial(_checked, name, path) for name, path in given.items()}
    if test is not None or (at is not None and not features):
        if train is None or test is None:
            raise InvalidFrame("a split needs both --train and --test")
        looks["split"] = partial(_split, train, test, at)
    for path in features:
        if at is None:
            raise InvalidFrame("--features needs --cut: the time from which nothing may be known")
        looks[path.name] = partial(_features, path, at)
    if not looks:
        raise InvalidFrame("there is nothing to validate; name at least one file, such as --recs recs.csv")
    found = {name: problem for name, look in looks.items() if (problem := _problem(look))}
    say({"valid": not found, "checked": list(looks), "problems": found})
    return INVALID_EXIT_CODE if found else 0


def _problem(look: Callable[[], object]) -> str | None:
    try:
        look()
    except EvaluationError as error:
        return str(error)
    return None


def _checked(name: str, path: Path) -> None:
    rows = read_table(path)
    CHECKED[name](ranked(rows) if name == "recs" and "score" in rows.columns and "rank" not in rows.columns else rows)


def _split(train: Path, test: Path, cut: datetime | None) -> None:
    if cut is None:
        given_split(read_table(train), read_table(test))
    else:
        refuse_leak(Split(read_table(train), read_table(test)), cut)


def _features(path: Path, cut: datetime) -> None:
    refuse_feature_leak(read_table(path), cut)
