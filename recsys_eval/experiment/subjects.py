"""Who took part in an experiment and what each did: one row per subject, from assignments, exposures and outcomes.

A subject counts from the first exposure on, as who never saw a difference can show none (and only adds noise). Subjects
that were given two arms are left out, and counted. What is dropped on the way stands in ``Quality``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from recsys_eval.columns import as_ids, as_numbers, as_times
from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.experiment.facts import Quality
from recsys_eval.experiment.plan import Plan
from recsys_eval.frames import need

OUTCOMES = {"click": "clicks", "add": "adds", "purchase": "purchases"}
KEY = "subject_id"


@dataclass(frozen=True)
class Logs:
    """What was recorded.

    ``assignments`` (subject_id, variant; ts, experiment_id, forced), ``exposures`` (subject_id, ts; items, request_id,
    and numbers that own metrics sum), ``outcomes`` (subject_id, type, ts; value, event_id), ``users`` (subject_id and
    sums per subject; instead of the two), ``before`` (subject_id and the same sums from before the experiment). Columns
    after the semicolon may be missing; ``user_id`` is taken for ``subject_id``.

    Stability: experimental
    """

    assignments: pl.DataFrame
    exposures: pl.DataFrame | None = None
    outcomes: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    before: pl.DataFrame | None = None


@dataclass(frozen=True)
class Subjects:
    """Who counts (``subject_id``, ``variant``, ``users`` = 1, sums), who was assigned, what was dropped, newest time.

    Stability: experimental
    """

    counted: pl.DataFrame
    assigned: pl.DataFrame
    quality: Quality
    until: datetime | None


def subjects(logs: Logs, plan: Plan) -> Subjects:
    """The subjects of the experiment with the sums that its metrics need, in the order of their ids.

    Raises ``InvalidFrame`` for an arm that the plan does not name, a number that is none, repeated rows of ``users``,
    and sums that a metric needs and no table has; ``NothingToEvaluate`` where nobody was assigned.

    Stability: experimental
    """
    assigned, mixed = arms(logs.assignments, plan)
    if logs.users is not None:
        counted = assigned.join(_per_subject(logs.users, "users", plan), on=KEY, how="inner")
        quality, until = Quality(), None
    else:
        counted, quality, until = _from_logs(assigned, logs, plan)
    counted = counted.with_columns(users=pl.lit(1.0)).sort(KEY)
    _need_sums(counted, plan)
    return Subjects(
        counted=counted,
        assigned=assigned,
        quality=Quality(
            assigned=assigned.height,
            mixed=mixed,
            not_exposed=assigned.height - counted.height - quality.unfinished,
            unfinished=quality.unfinished,
            outcomes=quality.outcomes,
            outcomes_unused=quality.outcomes_unused,
            outcomes_repeated=quality.outcomes_repeated,
        ),
        until=until,
    )


def arms(assignments: pl.DataFrame, plan: Plan) -> tuple[pl.DataFrame, int]:
    """The one arm of each subject with the first ``ts`` (null without times), and how many had several.

    Rows that were forced (somebody asked to see an arm) and those of other experiments do not count. A row may repeat.
    """
    rows = as_ids(_named(assignments), "assignments", (KEY, "variant"))
    if "experiment_id" in rows.columns:
        rows = rows.filter(pl.col("experiment_id").cast(pl.String) == plan.experiment_id)
    if "forced" in rows.columns:
        forced = pl.col("forced").cast(pl.String).str.to_lowercase().is_in(["true", "1"])
        rows = rows.filter(~forced.fill_null(value=False))
    if rows.is_empty():
        raise NothingToEvaluate(f"assignments has no row of the experiment {plan.experiment_id!r}")
    unknown = sorted(set(rows["variant"]) - set(plan.shares))
    if unknown:
        raise InvalidFrame(
            f"assignments: the arm {unknown[0]!r} is not in the plan, which has {', '.join(sorted(plan.shares))}"
        )
    if plan.since is not None:
        need(rows, "assignments (the plan has since)", ["ts"])
    rows = as_times(rows, "assignments") if "ts" in rows.columns else rows.with_columns(ts=_no_time())
    if plan.since is not None:
        rows = rows.filter(pl.col("ts").min().over(KEY) >= plan.since)
    each = rows.group_by(KEY).agg(pl.col("variant").min(), pl.col("ts").min(), arms=pl.col("variant").n_unique())
    return each.filter(pl.col("arms") == 1).drop("arms").sort(KEY), each.filter(pl.col("arms") > 1).height


def _from_logs(assigned: pl.DataFrame, logs: Logs, plan: Plan) -> tuple[pl.DataFrame, Quality, datetime | None]:
    exposures = _exposures(logs.exposures, plan)
    outcomes, repeated = _outcomes(logs.outcomes, plan)
    times = [frame["ts"].max() for frame in (exposures, outcomes) if frame is not None and frame.height]
    until = max((time for time in times if isinstance(time, datetime)), default=None)
    started = assigned.with_columns(start=pl.col("ts")) if exposures is None else _exposed(assigned, exposures)
    if plan.window_hours is not None and started["start"].null_count():
        raise InvalidFrame("window_hours needs a start: give exposures, or assignments with a ts")
    finished = started if plan.window_hours is None or until is None else _finished(started, plan.window_hours, until)
    counted = finished
    if exposures is not None:
        counted = counted.join(_seen(exposures, finished, plan), on=KEY, how="left")
    unused = 0
    if outcomes is not None:
        mine = _within(outcomes, finished, plan)
        unused = outcomes.height - mine.height
        counted = counted.join(_done(mine), on=KEY, how="left").with_columns(
            pl.col(name).fill_null(0.0) for name in _done(mine).columns if name != KEY
        )
    quality = Quality(
        unfinished=started.height - finished.height,
        outcomes=0 if outcomes is None else outcomes.height - unused,
        outcomes_unused=unused,
        outcomes_repeated=repeated,
    )
    return counted.drop("ts", "start"), quality, until


def _exposures(exposures: pl.DataFrame | None, plan: Plan) -> pl.DataFrame | None:
    if exposures is None:
        return None
    rows = as_times(as_ids(_named(exposures), "exposures", (KEY,)), "exposures")
    if plan.surface is not None:
        need(rows, "exposures", ["surface"])
        rows = rows.filter(pl.col("surface") == plan.surface)
    wanted = sorted((_wanted(plan) | {"items"}) & set(rows.columns))
    return as_numbers(rows, "exposures", wanted)


def _outcomes(outcomes: pl.DataFrame | None, plan: Plan) -> tuple[pl.DataFrame | None, int]:
    if outcomes is None:
        return None, 0
    rows = as_times(as_ids(_named(outcomes), "outcomes", (KEY, "type")), "outcomes")
    if plan.surface is not None and "surface" in rows.columns:
        rows = rows.filter(pl.col("surface") == plan.surface)
    unknown = sorted(set(rows["type"]) - set(OUTCOMES))
    if unknown:
        raise InvalidFrame(f"outcomes: the type {unknown[0]!r} is none of {', '.join(OUTCOMES)}")
    rows = as_numbers(rows, "outcomes", ["value"]) if "value" in rows.columns else rows
    once = rows.unique("event_id", keep="first", maintain_order=True) if "event_id" in rows.columns else rows
    return once, rows.height - once.height


def _exposed(assigned: pl.DataFrame, exposures: pl.DataFrame) -> pl.DataFrame:
    """Who saw something after the assignment, and when first, as ``start``."""
    seen = exposures.join(assigned.select(KEY, assigned="ts"), on=KEY, how="inner")
    after = seen.filter(pl.col("assigned").is_null() | (pl.col("ts") >= pl.col("assigned")))
    return assigned.join(after.group_by(KEY).agg(start=pl.col("ts").min()), on=KEY, how="inner")


def _finished(started: pl.DataFrame, window_hours: float, until: datetime) -> pl.DataFrame:
    return started.filter(pl.col("start") + timedelta(hours=window_hours) <= until)


def _within(rows: pl.DataFrame, finished: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The rows of counted subjects from their start on, and within the window where there is one."""
    own = rows.join(finished.select(KEY, "start"), on=KEY, how="inner")
    begun = own.filter(pl.col("start").is_null() | (pl.col("ts") >= pl.col("start")))
    if plan.window_hours is None:
        return begun
    return begun.filter(pl.col("ts") < pl.col("start") + timedelta(hours=plan.window_hours))


def _seen(exposures: pl.DataFrame, finished: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    own = sorted(_wanted(plan) & set(exposures.columns))
    impressions = pl.col("items").sum() if "items" in exposures.columns else pl.len()
    requests = pl.col("request_id").n_unique() if "request_id" in exposures.columns else pl.len()
    sums = {"impressions": impressions.cast(pl.Float64), "requests": requests.cast(pl.Float64)}
    return _within(exposures, finished, plan).group_by(KEY).agg(**(sums | {name: pl.col(name).sum() for name in own}))


def _done(outcomes: pl.DataFrame) -> pl.DataFrame:
    counts = [
        (pl.col("type") == kind).sum().cast(pl.Float64).alias(column) for kind, column in sorted(OUTCOMES.items())
    ]
    bought = pl.col("type") == "purchase"
    revenue = [pl.col("value").filter(bought).sum().alias("revenue")] if "value" in outcomes.columns else []
    return outcomes.group_by(KEY).agg(*counts, *revenue, converted=bought.any().cast(pl.Float64))


def before_columns(before: pl.DataFrame | None, plan: Plan) -> pl.DataFrame | None:
    """The sums of the time before, by subject, or None where there is no such table."""
    return None if before is None else _per_subject(before, "before", plan)


def _per_subject(rows: pl.DataFrame, table: str, plan: Plan) -> pl.DataFrame:
    """A table that has one row per subject already, with the sums that the metrics of the plan name."""
    named = as_ids(_named(rows), table, (KEY,))
    if named[KEY].n_unique() != named.height:
        twice = named.filter(pl.col(KEY).is_duplicated())[KEY][0]
        raise InvalidFrame(f"{table}: the subject {twice!r} has several rows; sum them up first")
    if "purchases" in named.columns and "converted" not in named.columns:
        named = as_numbers(named, table, ["purchases"]).with_columns(
            converted=(pl.col("purchases") > 0).cast(pl.Float64)
        )
    wanted = sorted(_sums(plan) & set(named.columns))
    return as_numbers(named, table, wanted).select(KEY, *wanted)


def _sums(plan: Plan) -> set[str]:
    return {name for metric in plan.measured for name in (metric.numerator, metric.denominator)} - {"users"}


def _wanted(plan: Plan) -> set[str]:
    """The sums of own metrics, which no table has under a fixed name."""
    made = {"impressions", "requests", "revenue", "converted", *OUTCOMES.values()}
    return _sums(plan) - made


def _need_sums(counted: pl.DataFrame, plan: Plan) -> None:
    sums = {name for name, kind in counted.schema.items() if kind.is_numeric()}
    for metric in plan.measured:
        missing = {metric.numerator, metric.denominator} - sums
        if missing:
            raise InvalidFrame(
                f"{metric.name} needs {sorted(missing)[0]!r} per subject; clicks, adds, purchases, converted and "
                "revenue (value) come from outcomes, impressions and requests from exposures, all of them from users"
            )


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename({"user_id": KEY}) if KEY not in rows.columns and "user_id" in rows.columns else rows


def _no_time() -> pl.Expr:
    return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
