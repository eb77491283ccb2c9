import polars as pl
import pytest

from recsys_eval.errors import UnknownMetric
from recsys_eval.examples import examples
from recsys_eval.metrics import Metrics


def measured(**values: float) -> Metrics:
    return Metrics({}, pl.DataFrame({"user_id": list(values), "ndcg@10": list(values.values())}))


def test_who_gained_and_who_lost_most_and_one_whose_value_stayed_are_shown():
    before = measured(ann=0.5, bob=0.2, cy=0.3, dee=0.4, eve=0.0)
    now = measured(ann=0.1, bob=0.9, cy=0.3, dee=0.3, eve=0.0)

    found = examples(now, before, "ndcg@10")

    assert found == (("bob", "gained most"), ("ann", "lost most"), ("cy", "found as much as before"))


def test_of_equal_changes_the_first_user_is_shown():
    assert examples(measured(bob=1.0, ann=1.0), measured(ann=0.0, bob=0.0), "ndcg@10") == (("ann", "gained most"),)


@pytest.mark.parametrize("incumbent", [None, measured(ann=0.5)], ids=["no incumbent", "no change"])
def test_where_nothing_changed_there_is_nothing_to_show(incumbent):
    assert examples(measured(ann=0.5), incumbent, "ndcg@10") == ()


def test_a_metric_that_was_not_measured_is_named():
    with pytest.raises(UnknownMetric, match="recall@10"):
        examples(measured(ann=0.5), measured(ann=0.5), "recall@10")
