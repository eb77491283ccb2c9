import pytest

from recsys_pipelines.algorithm import discover
from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.backtest.choosing import chosen
from recsys_pipelines.backtest.errors import UnknownChoice


def test_settings_are_read_as_json_or_as_text():
    found = chosen(
        ["als", "cooccurrence"],
        [
            "als.factors=8",
            "cooccurrence.similarity=jaccard",
            "cooccurrence.neighbors=null",
            "cooccurrence.weighted=true",
        ],
    )

    assert found["als"] == Als(factors=8)
    assert (found["cooccurrence"].similarity, found["cooccurrence"].neighbors, found["cooccurrence"].weighted) == (
        "jaccard",
        None,
        True,
    )


def test_an_algorithm_runs_twice_under_a_label():
    found = chosen(["als", "wide=als"], ["wide.factors=64"])

    assert (found["als"].factors, found["wide"].factors) == (16, 64)


def test_without_names_all_run():
    assert list(chosen([], [])) == sorted(discover())


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        pytest.param(["alz"], [], "no algorithm 'alz'; there are .*als, .*cooccurrence", id="an algorithm"),
        pytest.param(
            ["als"], ["als.factor=8"], r"unknown field `factor`; als takes factors \(default 16\)", id="a field"
        ),
        pytest.param(["als"], ["als.factors=lots"], "als: Expected `int`", id="a value"),
        pytest.param(["als"], ["als.factors"], "must have the form algorithm.field=value", id="no value"),
        pytest.param(["als"], ["ease.l2=400"], "'ease' does not run; there are als", id="one that does not run"),
        pytest.param(["als", "als"], [], "'als' is named twice", id="twice"),
    ],
)
def test_a_typing_error_is_answered_with_what_there_is(names, settings, message):
    with pytest.raises(UnknownChoice, match=message):
        chosen(names, settings)
