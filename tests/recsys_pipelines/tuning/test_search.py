import itertools

import pytest

from recsys_pipelines.tuning.search import STARTUP, Budget, Study, search
from recsys_pipelines.tuning.spaces import Choices, Range

SPACE = {"x": Range(-4, 4), "kind": Choices(("good", "bad"))}


def valley(settings):
    """Highest (0) at x = 1 of the good kind; two folds that agree."""
    value = -((settings["x"] - 1) ** 2) - (settings["kind"] == "bad")
    yield value
    yield value


def told(trials):
    return [(each.number, each.settings, each.state, each.values, each.note) for each in trials]


def test_the_top_of_a_hill_is_found():
    trials = search(valley, SPACE, Budget(trials=60), Study("hill", folds=2, seed=1))

    best = max((each for each in trials if each.state == "complete"), key=lambda each: each.value)
    assert best.settings["kind"] == "good"
    assert abs(best.settings["x"] - 1) < 0.2


def test_the_same_seed_and_number_of_trials_give_the_same_trials():
    first, again = (search(valley, SPACE, Budget(trials=20), Study("same", folds=2, seed=3)) for _ in range(2))

    assert told(first) == told(again)


def test_another_seed_gives_others():
    first, other = (search(valley, SPACE, Budget(trials=3), Study("same", folds=2, seed=seed)) for seed in (1, 2))

    assert told(first) != told(other)


def test_a_search_goes_on_where_it_was_left(tmp_path):
    study = Study("kept", folds=2, seed=1, storage=tmp_path / "search.log")
    tried = []

    def counted(settings):
        tried.append(settings)
        return valley(settings)

    first = search(counted, SPACE, Budget(trials=5), study)
    whole = search(counted, SPACE, Budget(trials=9), study)

    assert told(whole[:5]) == told(first)
    assert [each.number for each in whole] == list(range(1, 10))
    assert len(tried) == 9
    assert len({each["x"] for each in tried}) == 9


def test_what_falls_behind_is_given_up_before_the_last_fold():
    trials = search(valley, SPACE, Budget(trials=40), Study("pruned", folds=2, seed=1))

    pruned = [each for each in trials if each.state == "pruned"]
    assert pruned
    assert all(len(each.values) == 1 for each in pruned)
    assert min(each.number for each in pruned) > STARTUP


def test_settings_that_were_tried_are_not_tried_again():
    asked = []

    def objective(settings):
        asked.append(settings["kind"])
        yield 1.0

    trials = search(objective, {"kind": Choices(("one", "two"))}, Budget(trials=12), Study("few"))

    assert sorted(asked) == ["one", "two"]
    assert len(trials) == 12
    assert trials[-1].note == "tried before"


def test_settings_that_cannot_be_used_fail_and_the_search_goes_on():
    def objective(settings):
        if settings["x"] < 0:
            raise ValueError("x is too small")
        yield settings["x"]

    trials = search(objective, {"x": Range(-1, 1)}, Budget(trials=12), Study("failing", seed=2))

    failed = [each for each in trials if each.state == "failed"]
    assert {(each.note, each.value) for each in failed} == {("x is too small", None)}
    assert {each.state for each in trials} >= {"failed", "complete"}


def test_no_trial_begins_after_the_time_is_over():
    assert search(valley, SPACE, Budget(minutes=0.0), Study("late")) == []


@pytest.mark.parametrize(
    ("budget", "expected"), [(Budget(trials=3), 3), (Budget(trials=3, minutes=1.0), 3), (Budget(minutes=1.0), 12)]
)
def test_the_first_limit_that_is_reached_ends_the_search(budget, expected):
    seconds = range(0, 1000, 5)  # every trial takes 5 s

    done = next(number for number in itertools.count() if budget.is_spent(number, seconds[number]))

    assert done == expected
