"""Who won an answer: the team whose items earned more, and by how much the winners of all answers differ."""

import polars as pl

from recsys_eval.columns import as_ids, as_numbers
from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.frames import repeated

TEAMS = ("a", "b")


def credits(shown: pl.DataFrame) -> pl.DataFrame:
    """One row per answer: request_id, user_id, what ``a`` and ``b`` earned, ``nobody``'s share, and ``winner``.

    ``shown`` (request_id, item_id, team, reward; user_id) has a row per place; ``winner`` is a, b, or tie. Places
    without a team earn for nobody. Raises ``InvalidFrame`` for an unknown team, an item twice in an answer, rewards
    that are no numbers or below 0; ``NothingToEvaluate`` where no place has a team.

    Stability: experimental
    """
    rows = as_numbers(as_ids(shown, "shown", ["request_id", "item_id"]), "shown", ["reward"])
    rows = rows if "user_id" in rows.columns else rows.with_columns(user_id=pl.col("request_id"))
    rows = as_ids(rows, "shown", ["user_id"])
    team = pl.col("team").cast(pl.String).replace("", None)
    rows = rows.with_columns(team=team) if "team" in rows.columns else rows.with_columns(team=pl.lit(None, pl.String))
    _refuse(rows)
    played = rows.filter(pl.col("team").is_not_null().any().over("request_id"))
    if played.is_empty():
        raise NothingToEvaluate("no place has a team: these answers were not interleaved")
    earned = [
        pl.col("reward").filter(pl.col("team").eq_missing(name)).sum().alias(column)
        for name, column in (("a", "a"), ("b", "b"), (None, "nobody"))
    ]
    won = pl.when(pl.col("a") > pl.col("b")).then(pl.lit("a")).when(pl.col("b") > pl.col("a")).then(pl.lit("b"))
    return (
        played.group_by("request_id")
        .agg(pl.col("user_id").first(), *earned)
        .with_columns(winner=won.otherwise(pl.lit("tie")))
        .sort("request_id")
    )


def _refuse(rows: pl.DataFrame) -> None:
    unknown = sorted(set(rows["team"].drop_nulls()) - set(TEAMS))
    if unknown:
        raise InvalidFrame(
            f"shown: the team {unknown[0]!r} is neither a nor b; leave it empty where nobody is credited"
        )
    negative = rows.filter(pl.col("reward") < 0)
    if negative.height:
        raise InvalidFrame(f"shown: reward {negative['reward'][0]:g} is below 0; more must be better")
    twice = repeated(rows, ("request_id", "item_id"))
    if twice.height:
        raise InvalidFrame(f"shown: item {twice['item_id'][0]!r} stands twice in answer {twice['request_id'][0]!r}")
