import re
from xml.etree import ElementTree

import pytest

from recsys_eval.charts import bars, interval
from recsys_eval.facts import System
from recsys_eval.verdict import Verdict

SYSTEMS = (
    System(name="blend", kind="served", metrics={"ndcg@10": 0.2}, intervals={"ndcg@10": (0.15, 0.25)}),
    System(name='<b>als</b> & "co"', kind="algorithm", metrics={"ndcg@10": 0.1}),
    System(name="unmeasured", kind="algorithm", metrics={}),
)


def verdict(low: float, high: float) -> Verdict:
    return Verdict(
        decision="promoted",
        reason="",
        metric="ndcg@10",
        users=100,
        candidate=0.2,
        incumbent=0.2,
        difference=(low + high) / 2,
        low=low,
        high=high,
        tolerance=0.02,
        suspicious_gain=0.5,
    )


def test_a_bar_chart_has_a_bar_and_a_value_per_measured_system():
    drawn = bars("one", "ndcg@10", SYSTEMS, "ndcg@10")

    assert "0.200" in drawn
    assert "0.100" in drawn
    assert "unmeasured" not in drawn
    assert drawn.count('aria-roledescription="bar"') == 2


def test_only_a_system_with_an_interval_has_a_whisker():
    whiskers = re.findall(r'<line aria-label="[^"]*low: [^"]*"', bars("one", "ndcg@10", SYSTEMS, "ndcg@10"))

    assert len(whiskers) == 1


def test_a_drawing_is_well_formed_and_holds_names_as_text():
    drawn = bars("one", 'a "title" <i>', SYSTEMS, "ndcg@10")

    root = ElementTree.fromstring(drawn)

    assert root.attrib["aria-label"] == 'a "title" <i>'
    assert '<b>als</b> & "co"' in [text.text for text in root.iter("text")]


def test_colours_of_marks_and_texts_are_those_of_the_page():
    drawn = bars("one", "ndcg@10", SYSTEMS, "ndcg@10") + interval("two", verdict(-0.1, 0.6))

    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawn)) <= {
        "none",
        "transparent",
        *(f"var(--{name})" for name in ("ink", "muted", "line", "served", "algorithm", "bad", "warn")),
    }


def test_the_zone_of_too_much_gain_is_drawn_only_where_the_interval_comes_near():
    assert "var(--warn)" in interval("one", verdict(0.1, 0.7))
    assert "var(--warn)" not in interval("one", verdict(-0.1, 0.1))


@pytest.mark.parametrize("metric", ["ndcg@10", "coverage@10"])
def test_nothing_but_zeros_can_be_drawn(metric):
    systems = (System(name="a", kind="served", metrics={metric: 0.0}),)

    assert bars("one", metric, systems, metric).startswith("<svg ")


def test_without_a_difference_there_is_nothing_to_draw():
    nothing = Verdict(decision="ungated", reason="", metric="ndcg@10", users=3, candidate=0.1)

    assert interval("one", nothing) == ""
