"""What each metric means in one sentence, for reports and help: the first line of its function's docstring."""

import inspect

from recsys_eval.errors import UnknownMetric
from recsys_eval.metrics.diversity import diversity
from recsys_eval.metrics.habits import calibration_gap, popularity_bias, repeat_rate, serendipity
from recsys_eval.metrics.lists import coverage, gini, long_tail_share, novelty
from recsys_eval.metrics.ranking import RANKING, auc

DEFINITIONS: dict[str, str] = {
    name: (inspect.getdoc(metric) or "").partition("\n")[0]
    for name, metric in {
        **RANKING,
        "auc": auc,
        "serendipity": serendipity,
        "coverage": coverage,
        "gini": gini,
        "long_tail_share": long_tail_share,
        "novelty": novelty,
        "popularity_bias": popularity_bias,
        "repeat_rate": repeat_rate,
        "diversity": diversity,
        "calibration_gap": calibration_gap,
    }.items()
} | {
    "empty_rate": "Share of users for whom nothing was recommended; they score 0 in every ranking metric.",
    "label_coverage": "Share of what users chose that the catalog knows; recall cannot be higher.",
    "unknown_share": "Share of recommended places that hold an item which the catalog does not know.",
}

SHARES = ("hit_rate", "coverage", "long_tail_share", "repeat_rate", "empty_rate", "label_coverage", "unknown_share")


def definition(metric: str) -> str:
    """The meaning of a metric such as ``ndcg@10``. Raises ``UnknownMetric``.

    >>> definition("coverage@10")
    'Share of the catalog that stands in at least one list.'

    Stability: public
    """
    name = metric.partition("@")[0]
    if name not in DEFINITIONS:
        raise UnknownMetric(f"there is no metric {name!r}; there are {', '.join(DEFINITIONS)}")
    return DEFINITIONS[name]


def shown(value: float | None, metric: str) -> str:
    """A value as people read it: shares in percent, all else in three digits, a missing one as a dash.

    >>> shown(0.4217, "coverage@10"), shown(0.12345, "ndcg@10"), shown(None, "ndcg@10")
    ('42.2%', '0.123', '-')
    """
    if value is None:
        return "-"
    return f"{value:.1%}" if metric.partition("@")[0] in SHARES else f"{value:#.3g}"
