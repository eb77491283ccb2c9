"""``recsys-eval metrics``: how good one set of recommendations is."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recsys_eval.files import read_table, write_table
from recsys_eval.fixture import Fixture
from recsys_eval.slices import means
from recsys_eval.spoken import say


def metrics(
    *,
    recs: Path,
    fixture: Fixture,
    k: Annotated[tuple[int, ...], Parameter(negative="")] = (10,),
    per_user: Path | None = None,
    sliced: str | None = None,
) -> int:
    """All metrics of one set of recommendations.

    `recsys-eval metrics --recs recs.csv --truth truth.csv --catalog items.csv --k 5 --k 10`

    Parameters
    ----------
    recs
        Recommendations: user_id, item_id, and rank or score or both.
    k
        Length of the lists that are looked at; may be repeated.
    per_user
        Also write one row per user to this file.
    sliced
        A metric such as ndcg@10, also given for each slice with 30 users or more, with its interval.
    """
    ground = fixture.open()
    measured = ground.measure(ground.lists(read_table(recs)), k)
    if per_user is not None:
        write_table(measured.per_user, per_user)
    summary = {name: round(value, 12) for name, value in measured.summary.items()}  # the same on any machine
    facts = {"users": measured.per_user.height, "metrics": summary}
    if sliced is None:
        return say(facts)
    return say(facts | {"slices": [each._asdict() for each in means(ground.slices(), measured, sliced)]})
