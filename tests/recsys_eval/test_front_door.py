import inspect

import pytest

import recsys_eval
import recsys_eval.metrics
from recsys_eval import errors

EXPORTED = [
    "Check",
    "DifferentUsers",
    "Estimate",
    "EvaluationError",
    "Evidence",
    "Finding",
    "Fold",
    "Gate",
    "InvalidFrame",
    "Leak",
    "Metrics",
    "NothingToEvaluate",
    "Quality",
    "QualityCheck",
    "Report",
    "Sample",
    "SampleItem",
    "Served",
    "Slice",
    "SliceValue",
    "Split",
    "System",
    "TableQuality",
    "UnknownMetric",
    "UnreadableFile",
    "Verdict",
    "Written",
    "decide",
    "definition",
    "evaluate",
    "given_split",
    "last_k_split",
    "read",
    "refuse_feature_leak",
    "refuse_leak",
    "refuse_user_leak",
    "slices_of",
    "smallest_moved",
    "system",
    "time_folds",
    "time_split",
    "write",
]
METRICS = [
    "RANKING",
    "Hits",
    "Lists",
    "Matched",
    "Metrics",
    "against_ties",
    "auc",
    "average_precision",
    "calibration_gap",
    "capped_average_precision",
    "coverage",
    "diversity",
    "evaluate",
    "gini",
    "hit_rate",
    "indexed",
    "long_tail_share",
    "match",
    "matched",
    "ndcg",
    "ndcg_full",
    "novelty",
    "one_user",
    "popularity_bias",
    "precision",
    "ranked",
    "recall",
    "reciprocal_rank",
    "repeat_rate",
    "serendipity",
]


def test_the_front_door_exports_exactly_these_names():
    assert sorted(recsys_eval.__all__) == sorted(EXPORTED)


def test_the_metrics_door_exports_exactly_these_names():
    assert sorted(recsys_eval.metrics.__all__) == sorted(METRICS)


@pytest.mark.parametrize("name", sorted({*EXPORTED, *METRICS} - {"Gate", "RANKING"}))
def test_every_exported_name_says_how_stable_it_is(name):
    exported = getattr(recsys_eval, name, None) or getattr(recsys_eval.metrics, name)

    assert "Stability: public" in inspect.getdoc(exported)


def test_every_error_is_an_evaluation_error():
    raised = [error for _, error in inspect.getmembers(errors, inspect.isclass)]

    assert all(issubclass(error, errors.EvaluationError) for error in raised)
    assert all(error.__name__ in recsys_eval.__all__ for error in raised)
