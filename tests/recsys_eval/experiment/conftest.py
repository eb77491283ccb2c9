"""Experiments whose truth is known, because they were thrown with dice."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from recsys_eval.experiment.moments import Moments, from_sums
from recsys_eval.experiment.plan import Plan

Running = Callable[[np.ndarray, np.ndarray], Moments]


@pytest.fixture(scope="session")
def running() -> Running:
    """Moments after every user, of many experiments at once: values (experiments, users) -> moments of that shape."""

    def all_moments(numerator: np.ndarray, denominator: np.ndarray) -> Moments:
        columns = (
            np.ones_like(numerator),
            numerator,
            denominator,
            numerator**2,
            denominator**2,
            numerator * denominator,
        )
        return from_sums(*(np.cumsum(column, axis=1) for column in columns))

    return all_moments


@pytest.fixture(scope="session")
def plan() -> Plan:
    """Two halves, conversion."""
    return Plan(experiment_id="e", control="old", shares={"old": 0.5, "new": 0.5}, planned_users=2_000)


@pytest.fixture(scope="session")
def shop() -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """Assignments and per-subject sums of two arms with exact counts: no chance in it.

    Of every arm, the first ``converted`` subjects bought once for 10, and everybody saw 4 places and clicked one of
    them if their number is even.
    """

    def made(**arms: tuple[int, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows = [
            {
                "subject_id": f"{variant}-{n:05d}",
                "variant": variant,
                "impressions": 4.0,
                "clicks": float(n % 2 == 0),
                "purchases": float(n < converted),
                "revenue": 10.0 * (n < converted),
            }
            for variant, (users, converted) in arms.items()
            for n in range(users)
        ]
        frame = pl.DataFrame(rows)
        return frame.select("subject_id", "variant"), frame.drop("variant")

    return made
