"""Decisions of experiments whose counts are exact, and what becomes of data that is not as it should be."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from data_contracts.errors import InvalidDocument
from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.experiment import Guardrail, Logs, Metric, Objective, Plan, analyse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def changed(plan: Plan, **fields: object) -> Plan:
    return msgspec.structs.replace(plan, **fields)


def of(experiment, metric: str, variant: str = "new"):
    """The comparison of that metric and arm."""
    return next(each for each in experiment.comparisons if (each.metric, each.variant) == (metric, variant))


def test_a_certain_gain_is_shipped(plan, shop):
    assignments, users = shop(old=(1_000, 100), new=(1_000, 200))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert (experiment.decision, experiment.variant, experiment.exit_code) == ("ship", "new", 0)
    assert (of(experiment, "conversion").control, of(experiment, "conversion").treatment) == (0.1, 0.2)
    assert of(experiment, "conversion").lift == pytest.approx(1.0)


def test_a_certain_loss_is_rolled_back(plan, shop):
    assignments, users = shop(old=(1_000, 200), new=(1_000, 100))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert (experiment.decision, experiment.variant, experiment.exit_code) == ("rollback", None, 2)
    assert "certainly worse" in experiment.reasons[0]


def test_a_gain_that_is_not_significant_is_held_however_large_it_looks(plan, shop):
    """20 % more conversions of few users: some would ship on the point estimate."""
    assignments, users = shop(old=(1_000, 100), new=(1_000, 120))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert (experiment.decision, experiment.exit_code) == ("hold", 3)
    assert of(experiment, "conversion").lift == pytest.approx(0.2)
    assert "more subjects would probably show a lift of 2.0%" in experiment.reasons[0]


def test_one_look_finds_what_always_looking_cannot_yet(plan, shop):
    """130 against 100 of 1,000: z = 2.10 at one look, and the sequence asks for 3.04."""
    assignments, users = shop(old=(1_000, 100), new=(1_000, 130))

    once = analyse(Logs(assignments, users=users), changed(plan, peeking=False))
    always = analyse(Logs(assignments, users=users), plan)

    assert (once.decision, always.decision) == ("ship", "hold")
    assert of(once, "conversion").p_value == pytest.approx(0.0355, abs=2e-4)


def test_a_wrong_sample_ratio_is_checked_first_and_holds_whatever_the_numbers_say(plan, shop):
    assignments, users = shop(old=(1_000, 100), new=(1_200, 400))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert experiment.decision == "hold"
    assert [check.name for check in experiment.checks if not check.passed] == [
        "sample ratio of assigned subjects",
        "sample ratio of counted subjects",
    ]
    assert "old 1000 (1100 expected), new" not in experiment.reasons[0]
    assert "new 1200 (1100 expected), old 1000 (1100 expected)" in experiment.reasons[0]


def test_unequal_shares_are_no_wrong_sample_ratio_if_planned(plan, shop):
    assignments, users = shop(old=(1_800, 180), new=(200, 20))

    experiment = analyse(Logs(assignments, users=users), changed(plan, shares={"old": 0.9, "new": 0.1}))

    assert all(check.passed for check in experiment.checks)


def test_a_gain_does_not_pay_for_a_breached_guardrail(plan, shop):
    assignments, users = shop(old=(1_000, 100), new=(1_000, 300))
    slow = users.with_columns(late=pl.when(pl.col("subject_id").str.starts_with("new")).then(2.0).otherwise(1.0))
    noisy = slow.with_columns(late=pl.col("late") + pl.col("clicks") * 0.1)
    late = Metric(name="lateness", numerator="late", better="lower")

    experiment = analyse(
        Logs(assignments, users=noisy),
        changed(plan, metrics=(late,), guardrails=(Guardrail(metric="lateness", margin=0.05),)),
    )

    assert experiment.decision == "rollback"
    assert of(experiment, "lateness").state == "breached"
    assert "lateness +95.2%" in experiment.reasons[0]


def test_a_gain_waits_for_a_guardrail_that_is_not_shown_to_hold(plan, shop):
    """Revenue of few buyers is far too noisy for a margin of 2 %."""
    assignments, users = shop(old=(1_000, 100), new=(1_000, 300))
    noise = pl.Series(np.random.default_rng(3).lognormal(0, 2, users.height))

    experiment = analyse(
        Logs(assignments, users=users.with_columns(revenue=noise)),
        changed(plan, guardrails=(Guardrail(metric="revenue_per_user"),)),
    )

    assert experiment.decision == "hold"
    assert "not shown to keep within its margin of 2.0%" in experiment.reasons[0]


def test_a_guardrail_that_is_shown_to_hold_lets_a_gain_pass(plan, shop):
    assignments, users = shop(old=(1_000, 100), new=(1_000, 300))

    experiment = analyse(
        Logs(assignments, users=users), changed(plan, guardrails=(Guardrail(metric="ctr", margin=0.2),))
    )

    assert (of(experiment, "ctr").state, experiment.decision) == ("held", "ship")
    assert of(experiment, "ctr").control == 0.125  # one click on four places, by every second subject


def test_several_arms_are_corrected_for_each_other(plan, shop):
    """Three arms with p 0.0355 each at one look: Holm makes 0.1066 of the smallest."""
    assignments, users = shop(old=(1_000, 100), a=(1_000, 130), b=(1_000, 130), c=(1_000, 130))
    several = changed(plan, shares=dict.fromkeys(("old", "a", "b", "c"), 0.25), peeking=False)

    experiment = analyse(Logs(assignments, users=users), several)

    assert experiment.decision == "hold"
    assert of(experiment, "conversion", "a").corrected_p_value == pytest.approx(3 * 0.0355, abs=5e-4)


def test_secondary_metrics_of_several_arms_are_corrected_for_false_alarms_among_alarms(plan, shop):
    """Benjamini and Hochberg leave three equal p-values as they are, where Holm would make three times as much."""
    assignments, users = shop(old=(1_000, 100), a=(1_000, 130), b=(1_000, 130), c=(1_000, 130))
    shares = dict.fromkeys(("old", "a", "b", "c"), 0.25)

    experiment = analyse(
        Logs(assignments, users=users),
        changed(plan, shares=shares, peeking=False, primary="ctr", secondary=("conversion",)),
    )

    assert of(experiment, "conversion", "a").corrected_p_value == of(experiment, "conversion", "a").p_value


def test_the_best_of_the_arms_that_may_ship_is_shipped(plan, shop):
    assignments, users = shop(old=(1_000, 100), a=(1_000, 200), b=(1_000, 250), c=(1_000, 20))
    several = changed(plan, shares=dict.fromkeys(("old", "a", "b", "c"), 0.25))

    experiment = analyse(Logs(assignments, users=users), several)

    assert (experiment.decision, experiment.variant) == ("ship", "b")
    assert [arm.ruling for arm in experiment.arms] == [None, "ship", "ship", "rollback"]


def test_secondary_metrics_never_decide(plan, shop):
    assignments, users = shop(old=(1_000, 100), new=(1_000, 200))

    experiment = analyse(Logs(assignments, users=users), changed(plan, primary="ctr", secondary=("conversion",)))

    assert of(experiment, "conversion").state == "better"
    assert experiment.decision == "hold"


def test_what_was_known_before_narrows_the_interval_and_says_by_how_much(plan, shop):
    rng = np.random.default_rng(5)
    assignments, users = shop(old=(1_000, 100), new=(1_000, 100))
    habit = rng.gamma(2.0, 2.0, 2_000)
    users = users.with_columns(revenue=pl.Series(habit + rng.normal(0, 0.5, 2_000)))
    before = users.select("subject_id", revenue=pl.Series(habit)).head(1_500)
    asked = changed(plan, primary="revenue_per_user")

    plain, calm = (analyse(Logs(assignments, users=users, before=known), asked) for known in (None, before))

    widths = [each.high - each.low for each in (of(plain, "revenue_per_user"), of(calm, "revenue_per_user"))]
    removed = of(calm, "revenue_per_user").variance_removed
    assert of(plain, "revenue_per_user").variance_removed is None
    assert removed > 0.5
    assert (widths[1] / widths[0]) ** 2 == pytest.approx(1 - removed)


# What was recorded, and who counts.


def logs(
    rows: list[tuple[str, str, int]], seen: list[tuple[str, int]], done: list[tuple[str, str, int, float]]
) -> Logs:
    """Assignments, exposures and outcomes, with times in hours after noon."""

    def table(rows: list[tuple], columns: list[str]) -> pl.DataFrame:
        frame = pl.DataFrame(rows, schema=columns, orient="row")
        return frame.with_columns(ts=NOON + pl.duration(hours=pl.col("ts").cast(pl.Int64)))

    return Logs(
        table(rows, ["subject_id", "variant", "ts"]),
        table(seen, ["subject_id", "ts"]),
        table(done, ["subject_id", "type", "ts", "value"]),
    )


FEW = Plan(
    experiment_id="e",
    control="old",
    shares={"old": 0.5, "new": 0.5},
    primary="revenue_per_user",
    secondary=("ctr",),
    minimum_users=1,
)
BOTH = [("a", "old", 0), ("b", "old", 0), ("c", "new", 0), ("d", "new", 0)]
ALL = [("a", 1), ("b", 1), ("c", 1), ("d", 1)]


def test_only_exposed_subjects_count():
    experiment = analyse(logs(BOTH, ALL[:3], [("a", "purchase", 2, 8.0), ("d", "purchase", 2, 5.0)]), FEW)

    assert [(arm.assigned, arm.counted) for arm in experiment.arms] == [(2, 2), (2, 1)]
    assert (experiment.quality.not_exposed, experiment.quality.outcomes_unused) == (1, 1)
    assert of(experiment, "revenue_per_user").control == 4.0


def test_what_happened_before_the_first_exposure_does_not_count():
    early = [("a", "purchase", 0, 8.0), ("a", "purchase", 1, 2.0), ("c", "click", 3, 0.0)]

    experiment = analyse(logs(BOTH, [*ALL, ("a", -5)], early), FEW)

    assert of(experiment, "revenue_per_user").control == 1.0
    assert of(experiment, "ctr").treatment == 0.5


def test_a_window_counts_subjects_when_it_is_over_and_what_lies_in_it():
    done = [("a", "purchase", 2, 8.0), ("a", "purchase", 30, 100.0), ("c", "purchase", 26, 1.0)]
    seen = [("a", 1), ("b", 1), ("c", 1), ("d", 20)]

    experiment = analyse(logs(BOTH, seen, done), changed(FEW, window_hours=24.0))

    assert (experiment.quality.unfinished, experiment.arms[1].counted) == (1, 1)
    assert of(experiment, "revenue_per_user").control == 4.0
    assert of(experiment, "revenue_per_user").treatment == 0.0
    assert experiment.until == NOON + timedelta(hours=30)


def test_what_happens_when_the_window_is_over_is_outside_of_it():
    done = [("a", "purchase", 24, 3.0), ("a", "purchase", 25, 100.0), ("d", "click", 30, 0.0)]

    experiment = analyse(logs(BOTH, ALL, done), changed(FEW, window_hours=24.0))

    assert of(experiment, "revenue_per_user").control == 1.5  # of two subjects


def test_the_start_of_a_step_needs_times():
    recorded = logs(BOTH, ALL, [])

    with pytest.raises(InvalidFrame, match="has since"):
        analyse(Logs(recorded.assignments.drop("ts"), recorded.exposures, recorded.outcomes), changed(FEW, since=NOON))


def test_subjects_of_an_earlier_step_of_a_ramp_are_left_out():
    later = [*BOTH, ("e", "old", 10), ("f", "new", 10)]

    experiment = analyse(logs(later, [*ALL, ("e", 11), ("f", 11)], []), changed(FEW, since=NOON + timedelta(hours=5)))

    assert [arm.assigned for arm in experiment.arms] == [1, 1]


def test_subjects_in_two_arms_are_left_out_and_too_many_of_them_hold_the_decision():
    experiment = analyse(logs([*BOTH, ("a", "new", 1)], ALL, []), FEW)

    assert (experiment.quality.mixed, experiment.quality.assigned) == (1, 3)
    assert experiment.decision == "hold"
    assert experiment.reasons == ("subjects in several arms: 1 of 4 (25.00%); at most 1.00%",)


def test_a_repeated_assignment_is_one():
    experiment = analyse(logs([*BOTH, ("a", "old", 3)], ALL, []), FEW)

    assert (experiment.quality.mixed, experiment.quality.assigned) == (0, 4)


def test_a_repeated_outcome_counts_once():
    recorded = logs(BOTH, ALL, [("a", "purchase", 2, 8.0), ("a", "purchase", 2, 8.0)])
    outcomes = recorded.outcomes.with_columns(event_id=pl.lit("x"))

    experiment = analyse(Logs(recorded.assignments, recorded.exposures, outcomes), FEW)

    assert experiment.quality.outcomes_repeated == 1
    assert of(experiment, "revenue_per_user").control == 4.0


@pytest.mark.parametrize("forced", ["True", "true", "1"])
def test_forced_arms_and_other_experiments_do_not_count(forced):
    recorded = logs([*BOTH, ("x", "odd", 0), ("y", "old", 0)], ALL, [])
    assignments = recorded.assignments.with_columns(
        experiment_id=pl.Series(["e"] * 4 + ["another", "e"]),
        forced=pl.Series(["false", None, "0", "", "false", forced]),
    )

    experiment = analyse(Logs(assignments, recorded.exposures, recorded.outcomes), FEW)

    assert experiment.quality.assigned == 4


# A verdict where there is little to go by.


def test_nobody_converts(plan, shop):
    assignments, users = shop(old=(1_000, 0), new=(1_000, 0))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert (experiment.decision, experiment.power) == ("hold", None)
    assert experiment.reasons == (
        "conversion has no spread: 0.0 against 0.0, nobody differs, nothing can be concluded",
    )


def test_conversions_in_the_treatment_alone_have_a_difference_and_no_lift(plan, shop):
    assignments, users = shop(old=(1_000, 0), new=(1_000, 100))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert (of(experiment, "conversion").lift, experiment.decision) == (None, "ship")
    assert of(experiment, "conversion").difference == pytest.approx(0.1)


def test_one_subject_is_held(plan, shop):
    assignments, users = shop(old=(1, 1))

    experiment = analyse(Logs(assignments, users=users), plan)

    assert experiment.decision == "hold"
    assert "enough subjects: 0 count in new; 100 are needed in each arm" in experiment.reasons


def test_nobody_was_exposed():
    experiment = analyse(logs(BOTH, [("z", 1)], []), FEW)

    assert (experiment.decision, experiment.quality.not_exposed) == ("hold", 4)


# What is refused.


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param({"shares": {"old": 0.99}}, "one arm ('old') compares nothing", id="one arm"),
        pytest.param({"shares": {"old": 0.5, "new": 0.6}}, "add up to 1.1", id="shares"),
        pytest.param({"control": "older"}, "the control 'older' has no share", id="control"),
        pytest.param({"primary": "joy"}, "no metric 'joy'; there are ctr", id="unknown metric"),
        pytest.param({"metrics": (Metric(name="ctr", numerator="x"),)}, "'ctr' is defined twice", id="metric twice"),
        pytest.param({"next_shares": {"old": 0.5, "x": 0.5}}, "next_shares has old, x", id="other arms next"),
    ],
)
def test_a_plan_that_makes_no_sense_is_an_error(fields, complaint, plan, shop):
    assignments, users = shop(old=(10, 1), new=(10, 1))

    with pytest.raises(InvalidDocument) as error:
        analyse(Logs(assignments, users=users), changed(plan, **fields))

    assert complaint in str(error.value)


def test_an_arm_that_the_plan_does_not_name_is_an_error(plan, shop):
    assignments, users = shop(old=(10, 1), other=(10, 1))

    with pytest.raises(InvalidFrame, match="the arm 'other' is not in the plan, which has new, old"):
        analyse(Logs(assignments, users=users), plan)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_revenue_that_is_no_number_is_an_error(value, plan, shop):
    assignments, users = shop(old=(10, 1), new=(10, 1))
    broken = users.with_columns(revenue=pl.Series([1.0] * 19 + [value]))

    with pytest.raises(InvalidFrame, match=r"users.revenue is not a number in row 20"):
        analyse(Logs(assignments, users=broken), changed(plan, primary="revenue_per_user"))


def test_an_outcome_worth_more_than_can_be_squared_is_an_error():
    with pytest.raises(InvalidFrame, match=r"outcomes.value is beyond 1e\+50 in row 1: '1e\+300'"):
        analyse(logs(BOTH, ALL, [("a", "purchase", 2, 1e300)]), FEW)


def test_an_outcome_worth_nan_is_an_error():
    with pytest.raises(InvalidFrame, match=r"outcomes.value is not a number in row 1: 'nan'"):
        analyse(logs(BOTH, ALL, [("a", "purchase", 2, float("nan"))]), FEW)


def test_an_outcome_of_an_unknown_type_is_an_error():
    with pytest.raises(InvalidFrame, match="the type 'sale' is none of click, add, purchase"):
        analyse(logs(BOTH, ALL, [("a", "sale", 2, 1.0)]), FEW)


def test_two_rows_of_sums_for_one_subject_are_an_error(plan, shop):
    assignments, users = shop(old=(10, 1), new=(10, 1))

    with pytest.raises(InvalidFrame, match="the subject 'old-00000' has several rows"):
        analyse(Logs(assignments, users=pl.concat([users, users.head(1)])), plan)


def test_no_assignments_are_an_error(plan, shop):
    assignments, users = shop(old=(10, 1), new=(10, 1))

    with pytest.raises(NothingToEvaluate, match="no row of the experiment 'e'"):
        analyse(Logs(assignments.clear(), users=users), plan)


def test_an_empty_id_is_an_error(plan, shop):
    assignments, users = shop(old=(10, 1), new=(10, 1))
    nameless = assignments.with_columns(subject_id=pl.lit(""))

    with pytest.raises(InvalidFrame, match=r"assignments.subject_id is empty in row 1"):
        analyse(Logs(nameless, users=users), plan)


def test_a_rate_without_its_table_says_what_is_missing(plan, shop):
    assignments, users = shop(old=(10, 1), new=(10, 1))

    with pytest.raises(InvalidFrame, match="ctr needs 'impressions' per subject"):
        analyse(Logs(assignments, users=users.drop("impressions")), changed(plan, primary="ctr"))


def test_a_window_without_times_is_an_error():
    recorded = logs(BOTH, ALL, [("a", "purchase", 2, 8.0)])

    with pytest.raises(InvalidFrame, match="window_hours needs a start"):
        analyse(
            Logs(recorded.assignments.drop("ts"), outcomes=recorded.outcomes),
            changed(FEW, window_hours=24.0, secondary=()),
        )


# From 90/10 to 50/50.

RAMP = {"shares": {"old": 0.9, "new": 0.1}, "next_shares": {"old": 0.5, "new": 0.5}}
FAST = Objective(name="p99_ms", value=41.0, limit=50.0)


def ramped(plan: Plan, shop, *, objectives: tuple[Objective, ...], converted: int = 200, margin: float = 0.5):
    assignments, users = shop(old=(9_000, 1_800), new=(1_000, converted))
    guarded = changed(plan, **RAMP, guardrails=(Guardrail(metric="revenue_per_user", margin=margin),))
    return analyse(Logs(assignments, users=users), guarded, objectives).ramp


def test_a_ramp_goes_on_when_service_levels_and_guardrails_are_met(plan, shop):
    ramp = ramped(plan, shop, objectives=(FAST,))

    assert (ramp.step, ramp.now["new"], ramp.next["new"]) == ("ramp", 0.1, 0.5)


@pytest.mark.parametrize(
    ("case", "step", "reason"),
    [
        pytest.param(
            {"objectives": (Objective(name="p99_ms", value=61.0, limit=50.0),)},
            "hold",
            "p99_ms is 61, above its limit of 50",
            id="slow",
        ),
        pytest.param({"objectives": ()}, "hold", "no service level was measured", id="nobody looked"),
        pytest.param({"objectives": (FAST,), "margin": 0.05}, "hold", "not shown to keep within", id="a tight margin"),
        pytest.param({"objectives": (FAST,), "converted": 60}, "rollback", "certainly worse", id="harm"),
    ],
)
def test_a_ramp_stops_for_a_reason(case, step, reason, plan, shop):
    ramp = ramped(plan, shop, **case)

    assert ramp.step == step
    assert reason in ramp.reasons[0]
