"""An experiment from what the server logged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl
import pytest

from data_contracts.records import EXPOSURE_SCHEMA, ExposedExperiment, ExposedItem, Exposure, Subject
from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.experiment import Metric, Plan, analyse
from recsys_eval.experiment.own import own_logs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = Plan(
    experiment_id="e",
    control="old",
    shares={"old": 0.5, "new": 0.5},
    primary="ctr",
    secondary=("latency",),
    metrics=(Metric(name="latency", numerator="latency_ms", denominator="requests", better="lower"),),
    minimum_users=1,
)


def exposures(surface: str = "home", experiment: str = "e") -> Iterator[Exposure]:
    """Four users, two in each arm, two answers of two items to each; the new arm takes 30 ms, the old one 10 or 20."""
    for user in range(4):
        for turn in range(2):
            yield Exposure(
                schema=EXPOSURE_SCHEMA,
                ts=NOON + timedelta(hours=turn),
                request_id=f"r{user}{turn}",
                tenant="shop",
                surface=surface if turn == 0 else "home",
                endpoint="recommend",
                subject=Subject(user=f"u{user}") if user else Subject(session="s0"),
                manifest_generation=1,
                algo_version="1",
                experiment=ExposedExperiment(id=experiment, variant="new" if user % 2 else "old"),
                items=tuple(
                    ExposedItem(item_id=item, rank=n, score=1.0, source="als") for n, item in enumerate("xy", 1)
                ),
                latency_ms=30.0 if user % 2 else 10.0 * (1 + turn),
            )


def outcomes(*requests: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "request_id": requests,
            "item_id": ["x"] * len(requests),
            "type": ["click"] * len(requests),
            "ts": [NOON + timedelta(minutes=5)] * len(requests),
        }
    )


def test_arms_subjects_and_latency_come_out_of_the_log():
    experiment = analyse(own_logs(exposures(), outcomes("r00", "r10", "r30", "r30"), "e"), PLAN)

    ctr, latency = experiment.comparisons
    assert [(arm.assigned, arm.counted) for arm in experiment.arms] == [(2, 2), (2, 2)]
    assert (ctr.control, ctr.treatment) == (1 / 8, 3 / 8)
    assert (latency.control, latency.treatment) == (15.0, 30.0)


def test_an_outcome_of_an_answer_that_is_not_in_the_log_is_nobody_s():
    experiment = analyse(own_logs(exposures(), outcomes("r00", "elsewhere"), "e"), PLAN)

    assert (experiment.quality.outcomes, experiment.quality.outcomes_unused) == (1, 1)


def test_only_one_surface_may_count():
    on_cart = msgspec.structs.replace(PLAN, surface="cart")

    experiment = analyse(own_logs(exposures(surface="cart"), outcomes("r00", "r01"), "e"), on_cart)

    assert experiment.comparisons[0].control == 1 / 4  # one click on two users' first answers of two items


def test_a_surface_needs_its_column():
    own = own_logs(exposures(), outcomes(), "e")
    without = type(own)(own.assignments, own.exposures.drop("surface"), own.outcomes)

    with pytest.raises(InvalidFrame, match="exposures has no column 'surface'"):
        analyse(without, msgspec.structs.replace(PLAN, surface="home"))


def test_a_log_without_the_experiment_is_an_error():
    with pytest.raises(NothingToEvaluate, match="no answer in the log belongs to the experiment 'e'"):
        own_logs(exposures(experiment="another"), None, "e")
