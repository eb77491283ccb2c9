from datetime import UTC, datetime, timedelta
from math import sqrt

import numpy as np
import polars as pl
import pytest

from recsys_pipelines.algorithm import TrainingData
from recsys_pipelines.algorithms import session_knn
from recsys_pipelines.algorithms.session_knn import SessionKnn

NOW = datetime(2026, 1, 29, tzinfo=UTC)
INTERACTIONS = {
    "user_id": pl.String,
    "item_id": pl.String,
    "weight": pl.Float64,
    "last_ts": pl.Datetime("us", "UTC"),
    "count": pl.Int64,
}


def data(visits, known=None, items="abcdef"):
    """Training data from visits (user, hours ago, items such as "abc", a view a minute)."""
    rows = [
        (NOW - timedelta(hours=hours) + timedelta(minutes=minute), "view", user, None, f"s{number}", item)
        for number, (user, hours, visit) in enumerate(visits)
        for minute, item in enumerate(visit)
    ]
    names = ["type", "user_id", "anonymous_id", "session_id", "item_id"]
    events = pl.DataFrame(rows, schema={"ts": pl.Datetime("us", "UTC")} | dict.fromkeys(names, pl.String), orient="row")
    users = sorted({user for user, _, _ in visits}) if known is None else known
    interactions = pl.DataFrame([(user, "a", 1.0, NOW, 1) for user in users], schema=INTERACTIONS, orient="row")
    catalog = pl.DataFrame({"item_id": list(items)})
    return TrainingData(interactions, catalog, [events.lazy()], now=NOW)


def lists(table):
    """Each user's items with their scores, the best first."""
    return {
        user: dict(rows.select("item_id", "score").iter_rows())
        for (user,), rows in table.group_by("user_id", maintain_order=True)
    }


VISITS = [("ann", 9, "f"), ("ann", 2, "ab"), ("bob", 3, "bcd"), ("cid", 4, "ac"), ("dan", 5, "e")]


def test_near_visits_give_what_they_went_on_to():
    """Ann asks with b, the last, and a, half of it: the cosine of (1/2, 1) with (0, 1, 1, 1) and with (1, 0, 1)."""
    found = lists(SessionKnn(last=2).fit(data(VISITS)))

    bob, cid = 1 / sqrt(1.25 * 3), 0.5 / sqrt(1.25 * 2)
    assert found["ann"] == pytest.approx({"c": bob + cid, "d": bob}, rel=1e-12)
    assert list(found["ann"]) == ["c", "d"]
    assert "dan" not in found


def test_only_the_last_items_ask():
    found = lists(SessionKnn(last=1).fit(data(VISITS)))

    assert found["ann"] == pytest.approx({"c": 1 / sqrt(3), "d": 1 / sqrt(3)}, rel=1e-12)


def test_only_the_nearest_visits_count_and_ties_go_to_the_newest():
    visits = [("ann", 1, "a"), ("bob", 9, "ab"), ("cid", 2, "ac"), ("dan", 5, "ad")]

    found = lists(SessionKnn(nearest=2).fit(data(visits)))

    assert found["ann"] == {"c": 1 / sqrt(2), "d": 1 / sqrt(2)}


def test_only_the_newest_visits_are_looked_at():
    visits = [("ann", 1, "a"), ("bob", 9, "ab"), ("cid", 2, "ac")]

    assert lists(SessionKnn(visits=2).fit(data(visits)))["ann"] == {"c": 1 / sqrt(2)}


def test_old_visits_count_less():
    visits = [("ann", 0, "a"), ("bob", 48, "ab")]

    found = lists(SessionKnn(half_life_days=1.0).fit(data(visits)))

    halved = 2 ** (-(48 - 1 / 60) / 24)
    assert found["ann"] == pytest.approx({"b": halved / sqrt(2)}, rel=1e-12)


def test_a_user_without_interactions_has_no_list():
    found = lists(SessionKnn().fit(data(VISITS, known=["cid"])))

    assert list(found) == ["cid"]


def test_the_visits_of_a_user_before_may_be_near():
    found = lists(SessionKnn().fit(data([("ann", 9, "ab"), ("ann", 1, "a")])))

    assert found == {"ann": {"b": 1 / sqrt(2)}}


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_it_equals_brute_force(limit):
    rng = np.random.default_rng(3)
    visits = [
        (f"u{rng.integers(25)}", 100 - number, "".join(rng.choice(list("abcdefghij"), rng.integers(1, 6))))
        for number in range(60)
    ]

    found = lists(SessionKnn(last=3, nearest=10_000, limit=limit).fit(data(visits, items="abcdefghij")))

    for user in {user for user, _, _ in visits}:
        own = max(number for number, visit in enumerate(visits) if visit[0] == user)
        asked = list(dict.fromkeys(reversed(visits[own][2])))[:3]
        weights = {item: 1 - place / 3 for place, item in enumerate(asked)}
        scores = {}
        for number, (_, _, visit) in enumerate(visits):
            near = sum(weights.get(item, 0) for item in set(visit))
            near /= sqrt(sum(weight**2 for weight in weights.values()) * len(set(visit)))
            for item in set(visit) - set(asked) if near and number != own else ():
                scores[item] = scores.get(item, 0) + near
        best = dict(sorted(scores.items(), key=lambda pair: (-round(pair[1], 9), pair[0]))[:limit])
        assert list(found.get(user, {}).values()) == pytest.approx(list(best.values()), rel=1e-9)
        assert found.get(user, {}) == pytest.approx(best, rel=1e-9) or limit < len(scores)


def test_users_are_taken_some_at_a_time():
    visits = [(f"u{number:05}", 3, "ab"[: 1 + number % 2]) for number in range(session_knn.USERS + 3)]

    table = SessionKnn(nearest=3, visits=50).fit(data(visits, items="ab"))

    assert table["user_id"].to_list() == [user for user, _, visit in visits if visit == "a"]
    assert table["user_id"].is_sorted()


@pytest.mark.parametrize(
    "visits",
    [[], [("ann", 1, "ab")], [("ann", 1, "a"), ("bob", 1, "a")], [("ann", 1, "z"), ("bob", 1, "zz")]],
    ids=["none", "one user", "one item", "unknown items"],
)
def test_where_no_other_visit_went_on_there_is_nothing_to_say(visits):
    assert SessionKnn().fit(data(visits)).height == 0
