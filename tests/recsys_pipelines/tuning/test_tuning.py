import pytest

from recsys_pipelines.algorithms.als import Als
from recsys_pipelines.algorithms.cooccurrence import Cooccurrence
from recsys_pipelines.backtest.data import Columns, read_events
from recsys_pipelines.backtest.preparing import Weighing
from recsys_pipelines.backtest.splitting import Plan, Sides, known
from recsys_pipelines.tuning.folds import folds
from recsys_pipelines.tuning.search import Budget
from recsys_pipelines.tuning.spaces import space
from recsys_pipelines.tuning.tuning import Search, study_name, tune


@pytest.fixture
def parts(tmp_path):
    """Even users like even items: two folds of a checkerboard, held out at random."""
    rows = [f"u{user},i{item}" for user in range(14) for item in range(14) if user % 2 == item % 2]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["user_id,item_id", *rows]))
    question = known(read_events(path, Columns()), Sides(), later=False)
    return folds(question, Plan(kind="given"), 2, weighs=Weighing(), seed=0)


def test_settings_that_cannot_work_are_left(parts):
    broken = Cooccurrence(min_support=1_000)  # nothing has so many users in common

    wanted = space(broken, ["min_support=1:1000:log"])
    found = tune("cooccurrence", broken, wanted, folds=parts, how=Search(budget=Budget(trials=12), k=3))

    assert found.before.value == 0.0
    assert found.best.value == 1.0
    assert found.best.settings["min_support"] < 8
    assert found.set == (f"cooccurrence.min_support={found.best.settings['min_support']}",)
    assert found.folds == 2
    assert [each.number for each in found.trials] == list(range(13))


def test_what_is_there_wins_a_tie(parts):
    perfect = Cooccurrence(min_support=1)

    wanted = space(perfect, ["min_support=1,2"])
    found = tune("cooccurrence", perfect, wanted, folds=parts, how=Search(budget=Budget(trials=3), k=3))

    assert found.before.value == 1.0
    assert found.best.number == 0


def test_trials_are_not_told_apart_by_when_they_ran(parts):
    als, how = Als(factors=2), Search(budget=Budget(trials=2), seed=5)

    first, again = (tune("als", als, space(als, ["factors=1:4"]), folds=parts, how=how) for _ in range(2))

    assert [(each.settings, each.values) for each in first.trials] == [(e.settings, e.values) for e in again.trials]


def test_other_data_or_another_space_is_another_search(parts):
    als, wanted = Als(), space(Als(), ["factors=1:4"])
    name = study_name("als", als, wanted, folds=parts, how=Search())

    assert name == study_name("als", Als(), wanted, folds=parts, how=Search(seed=9))
    assert name != study_name("als", als, wanted, folds=parts[:1], how=Search())
    assert name != study_name("als", als, space(Als(), ["factors=1:5"]), folds=parts, how=Search())
    assert name != study_name("als", Als(alpha=2.0), wanted, folds=parts, how=Search())


def test_texts_are_read_once_for_all_trials(parts):
    data = parts[0].data

    assert data.embeddings() is data.embeddings()
