"""An experiment from the server's own log, in which every exposure names the arm that it belongs to."""

from collections.abc import Iterable

import polars as pl

from data_contracts.records import Exposure
from recsys_eval.columns import as_ids
from recsys_eval.errors import NothingToEvaluate
from recsys_eval.experiment.subjects import Logs
from recsys_eval.exposures import who

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "request_id": pl.String,
    "subject_id": pl.String,
    "ts": pl.Datetime("us", "UTC"),
    "surface": pl.String,
    "experiment_id": pl.String,
    "variant": pl.String,
    "forced": pl.Boolean,
    "items": pl.Int64,
    "latency_ms": pl.Float64,
}


def own_logs(exposures: Iterable[Exposure], outcomes: pl.DataFrame | None, experiment_id: str) -> Logs:
    """Assignments and exposures of one experiment, and ``outcomes`` (request_id, type, ts; value) of who saw it.

    An answer without items is an exposure too: to leave it out would hide that an arm answers with nothing.
    Subjects are the log's pseudonyms (user, else anonymous id, else session). Outcomes of other answers are nobody's.
    ``latency_ms`` and ``requests`` may be used by metrics of one's own. Raises ``NothingToEvaluate`` where no answer
    was of the experiment.

    Stability: experimental
    """
    rows = [
        (
            each.request_id,
            who(each),
            each.ts,
            each.surface,
            each.experiment.id,
            each.experiment.variant,
            each.experiment.forced,
            len(each.items),
            each.latency_ms,
        )
        for each in exposures
        if each.experiment is not None and each.experiment.id == experiment_id
    ]
    if not rows:
        raise NothingToEvaluate(f"no answer in the log belongs to the experiment {experiment_id!r}")
    shown = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    return Logs(
        shown.select("subject_id", "variant", "ts", "experiment_id", "forced"),
        shown.select("subject_id", "ts", "items", "request_id", "surface", "latency_ms"),
        None if outcomes is None else _of_whom(outcomes, shown),
    )


def _of_whom(outcomes: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """The outcomes with the subject that saw the answer; without one, the answer's own id, which is no subject's."""
    named = as_ids(outcomes, "outcomes", ["request_id"]).drop("subject_id", "user_id", strict=False)
    seers = shown.select("request_id", "subject_id", "surface").unique("request_id", keep="first", maintain_order=True)
    return (
        named.drop("surface", strict=False)
        .join(seers, on="request_id", how="left", maintain_order="left")
        .with_columns(pl.col("subject_id").fill_null(pl.col("request_id")))
    )
