from html.parser import HTMLParser

import pytest

from recsys_pipelines.backtest.page import page
from recsys_pipelines.backtest.record import Backtest, Comparison, Protocol, Result


def result(name, ndcg):
    return Result(
        algorithm=name,
        kind="als",
        settings={"factors": 16},
        metrics={"ndcg@10": ndcg, "recall@10": ndcg / 2},
        intervals={"ndcg@10": (ndcg - 0.01, ndcg + 0.01)},
        fit_s=1.25,
        recommend_s=0.5,
        peak_mb=250.4,
    )


def backtest(low):
    compared = Comparison(
        metric="ndcg@10",
        better="als",
        than="<b>odd",
        difference=0.1,
        low=low,
        high=0.2,
        confidence=0.95,
        certain=low > 0,
    )
    return Backtest(
        protocol=Protocol(
            split="time", folds=1, train_events=1000, truth_pairs=90, users=50, items=20, k=(10,), seen_removed=True,
            candidates=False, seed=0,
        ),
        results=(result("<b>odd", 0.3), result("als", 0.4)),
        comparisons=(compared,),
        definitions={},
        warnings=("leak: 3 of 4 <i>",),
    )  # fmt: skip


class Outside(HTMLParser):
    """Collects what a page would load from elsewhere, and the scripts in it."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [tag] if tag in ("script", "link", "iframe") else []
        self.found += [value for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")]


@pytest.mark.parametrize(
    ("low", "sentence"),
    [(0.05, "Take als: it is certainly ahead of all others."), (-0.05, "or one that it is not certainly ahead of")],
)
def test_the_page_says_first_what_to_take(low, sentence):
    assert sentence in page(backtest(low))


def test_the_page_needs_nothing_from_elsewhere():
    outside = Outside()

    outside.feed(page(backtest(0.05)))

    assert outside.found == []


def test_names_and_warnings_are_not_markup():
    drawn = page(backtest(0.05))

    assert "<b>odd" not in drawn
    assert "&lt;b&gt;odd" in drawn
    assert "leak: 3 of 4 &lt;i&gt;" in drawn


def test_a_page_of_one_algorithm_compares_nothing():
    whole = backtest(0.05)
    alone = Backtest(protocol=whole.protocol, results=whole.results[1:], comparisons=(), definitions={})

    assert "als ran alone" in page(alone)
