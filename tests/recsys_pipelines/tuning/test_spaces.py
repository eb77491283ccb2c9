import msgspec
import pytest

from recsys_pipelines.algorithm import discover
from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.cooccurrence import Cooccurrence
from recsys_pipelines.algorithms.ease import Ease
from recsys_pipelines.backtest.errors import UnknownChoice
from recsys_pipelines.tuning.spaces import SPACES, Choices, Range, for_document, space, text


@pytest.mark.parametrize("name", sorted(SPACES))
def test_every_space_is_of_an_algorithm_and_its_ends_are_valid(name):
    algorithm = discover()[name]

    assert space(algorithm()) == SPACES[name]


@pytest.mark.parametrize("name", sorted(SPACES))
def test_whole_numbers_are_searched_where_the_field_is_one(name):
    fields = {each.name: each.default for each in msgspec.structs.fields(discover()[name])}
    ranges = {field: domain for field, domain in SPACES[name].items() if isinstance(domain, Range)}

    assert {field: domain.whole for field, domain in ranges.items()} == {
        field: type(fields[field]) is int for field in ranges
    }


def test_a_space_can_be_given_and_then_nothing_else_is_searched():
    assert space(Als(), ["factors=8:64:log", "alpha=1:10"]) == {
        "factors": Range(8, 64, log=True, whole=True),
        "alpha": Range(1, 10),
    }
    assert space(Cooccurrence(), ["similarity=cosine,jaccard", "neighbors=50,null"]) == {
        "similarity": Choices(("cosine", "jaccard")),
        "neighbors": Choices((50, None)),
    }


@pytest.mark.parametrize("given", ["l2=10:5000:log", "l2=1:2", "weighted=false,true", "neighbors=50,null"])
def test_a_space_is_told_as_it_is_given(given):
    ((name, domain),) = space(Ease(), [given]).items()

    assert f"{name}={text(domain)}" == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param("l3=1:2", "no field 'l3'; there are l2, weighted", id="a field"),
        pytest.param("l2=2:1", "low must be less than high", id="the wrong way round"),
        pytest.param("l2=0:1:log", "above 0 for log", id="the logarithm of 0"),
        pytest.param("l2=1:2:3", "must be l2=LOW:HIGH", id="three numbers"),
        pytest.param("l2=a:b", "could not convert", id="words"),
        pytest.param("l2=-5:5", "ease.l2 cannot be -5.0: .*> 0", id="what the algorithm does not take"),
        pytest.param("weighted=maybe", "ease.weighted cannot be 'maybe'", id="a choice that it does not take"),
    ],
)
def test_a_space_that_is_none_is_refused(given, message):
    with pytest.raises(UnknownChoice, match=message):
        space(Ease(), [given])


def test_an_algorithm_without_a_space_asks_for_one():
    with pytest.raises(
        UnknownChoice, match=r"no space to search for user_lists; give one, such as --space .*; it has of, limit"
    ):
        space(discover()["user_lists"]())


def test_every_algorithm_with_something_to_tune_has_a_space():
    assert set(discover()) - set(SPACES) == {"user_lists"}  # the model that it is made of is tuned by itself


def test_a_document_cannot_say_null_where_something_else_is_the_default():
    given = space(Cooccurrence(weighted=True), ["neighbors=20,null", "half_life_days=7,null"])

    assert for_document(given, Cooccurrence) == {"neighbors": Choices((20,)), "half_life_days": Choices((7, None))}
