import json
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from data_contracts.records import Exposure
from recsys_eval.cli import main
from recsys_eval.errors import InvalidFrame, NothingToEvaluate
from recsys_eval.interleaving import credits, preference, team_draft

rankings = st.lists(st.sampled_from("abcdefghij"), max_size=10, unique=True)


def in_order(items: list[str], ranking: list[str]) -> bool:
    return items == [item for item in ranking if item in items]


@given(rankings, rankings, st.integers(1, 12), st.integers(0, 99))
def test_a_draft_is_a_fair_mixture(a, b, k, seed):
    places = team_draft(a, b, k, np.random.default_rng(seed))

    items = [place.item_id for place in places]
    sides = {team: [place.item_id for place in places if place.team == team] for team in ("a", "b")}
    assert len(items) == len(set(items)) == min(k, len({*a, *b}))
    assert in_order(sides["a"], a)
    assert in_order(sides["b"], b)
    assert abs(len(sides["a"]) - len(sides["b"])) <= 1


@given(rankings, rankings, st.integers(1, 12), st.integers(0, 99))
def test_each_team_adds_the_best_that_it_has_left(a, b, k, seed):
    """What stands above a place holds all that the team ranks higher."""
    places = team_draft(a, b, k, np.random.default_rng(seed))

    for n, place in enumerate(places):
        ranking = {"a": a, "b": b, None: []}[place.team]
        above = {each.item_id for each in places[:n]}
        assert set(ranking[: ranking.index(place.item_id)] if place.team else []) <= above


def test_a_coin_is_tossed_in_every_round():
    """Alternating strictly would give the first place of every second round to the same team."""
    rng = np.random.default_rng(1)
    ours, theirs = [f"a{n}" for n in range(10)], [f"b{n}" for n in range(10)]
    drafts = [[place.team for place in team_draft(ours, theirs, 10, rng)] for _ in range(2_000)]

    openings = np.array([[teams[n] == "a" for n in range(0, 10, 2)] for teams in drafts])

    assert openings.mean(axis=0) == pytest.approx([0.5] * 5, abs=3 * 0.5 / np.sqrt(2_000))
    assert np.corrcoef(openings.T)[np.triu_indices(5, 1)] == pytest.approx([0.0] * 10, abs=4 / np.sqrt(2_000))


def test_what_only_one_ranking_can_add_is_nobody_s():
    places = team_draft(["x"], ["x", "y", "z"], 3, np.random.default_rng(0))

    assert [place.item_id for place in places] == ["x", "y", "z"]
    assert [place.team for place in places][1:] in (["b", None], [None, None])


def test_the_same_rankings_are_preferred_by_nobody():
    """Radlinski et al. call for it: clicks at random must credit both teams equally."""
    rng = np.random.default_rng(2)
    same = list("abcdefgh")
    credited = [place.team for _ in range(3_000) for place in team_draft(same, same, 8, rng)[:1]]

    assert np.mean([team == "a" for team in credited]) == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(3_000))


# Credit and preference.


def shown(**columns: list[object]) -> pl.DataFrame:
    """Two answers of three places, the last place of each without a team."""
    table = {
        "request_id": ["r1", "r1", "r1", "r2", "r2", "r2"],
        "user_id": ["ann"] * 3 + ["bob"] * 3,
        "item_id": ["x", "y", "z", "x", "y", "z"],
        "team": ["a", "b", None, "b", "a", None],
        "reward": [1.0, 0.0, 5.0, 0.0, 2.0, 0.0],
    }
    return pl.DataFrame(table | columns, strict=False)


def test_an_answer_is_won_by_the_team_that_earned_more():
    earned = credits(shown(reward=[1.0, 0.0, 5.0, 2.0, 2.0, 0.0]))

    assert earned.rows() == [("r1", "ann", 1.0, 0.0, 5.0, "a"), ("r2", "bob", 2.0, 2.0, 0.0, "tie")]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3)), min_size=1, max_size=20))
def test_credits_sum_to_all_that_was_earned(places):
    table = pl.DataFrame(
        [(str(n // 4), str(n % 4), team, float(reward)) for n, (team, reward) in enumerate(places)],
        schema={"request_id": pl.String, "item_id": pl.String, "team": pl.String, "reward": pl.Float64},
        orient="row",
    )
    played = table.filter(pl.col("team").is_not_null().any().over("request_id"))
    if played.is_empty():
        return

    earned = credits(table)

    assert earned.select(pl.sum_horizontal("a", "b", "nobody")).sum().item() == played["reward"].sum()


def voices(*values: tuple[int, int]) -> pl.DataFrame:
    """Per user, how many answers a and b won."""
    rows = [
        (f"u{user}-{n}", f"u{user}", item, team, float(team == winner))
        for user, (a, b) in enumerate(values)
        for n, winner in enumerate("a" * a + "b" * b)
        for item, team in (("x", "a"), ("y", "b"))
    ]
    return pl.DataFrame(rows, schema=["request_id", "user_id", "item_id", "team", "reward"], orient="row")


def test_ten_of_ten_users_are_a_preference():
    found = preference(voices(*[(1, 0)] * 10))

    assert (found.preferred, found.preference, found.p_value) == ("a", 1.0, pytest.approx(2 / 2**10))


def test_five_users_who_agree_are_too_few_for_a_preference():
    """Resampling them never disagrees, but chance alone makes five agree once in sixteen."""
    found = preference(voices(*[(1, 0)] * 5))

    assert (found.preferred, found.low, found.p_value) == ("undecided", 1.0, pytest.approx(1 / 16))


def test_many_who_lean_a_little_and_a_few_who_are_sure_of_the_other_are_undecided():
    found = preference(voices(*[(6, 5)] * 20, *[(0, 1)] * 4))

    assert (found.preferred, found.p_value < 0.05, found.low < 0 < found.high) == ("undecided", True, True)


def test_b_is_preferred_the_other_way_round():
    found = preference(voices(*[(0, 1)] * 9, (1, 0)))

    assert (found.preferred, found.users_for_a, found.users_for_b) == ("b", 1, 9)
    assert found.p_value == pytest.approx(2 * (1 + 10) / 2**10)


def test_one_user_who_came_a_hundred_times_is_one_voice():
    found = preference(voices((100, 0), (0, 1), (0, 1), (1, 1)))

    assert (found.users, found.answers, found.preferred) == (4, 104, "undecided")
    assert found.preference == pytest.approx((1 - 1 - 1 + 0) / 4)


def test_nobody_who_clicked_is_undecided():
    found = preference(shown(reward=[0.0] * 6))

    assert (found.preferred, found.p_value, found.won) == ("undecided", 1.0, {"a": 0, "b": 0, "tie": 2})


def test_without_users_every_answer_is_a_voice():
    assert preference(shown().drop("user_id")).users == 2


@pytest.mark.parametrize(
    ("columns", "error", "complaint"),
    [
        pytest.param({"team": ["c"] * 6}, InvalidFrame, "the team 'c' is neither a nor b", id="unknown team"),
        pytest.param({"team": [None] * 6}, NothingToEvaluate, "no place has a team", id="not interleaved"),
        pytest.param({"reward": [-1.0] * 6}, InvalidFrame, "reward -1 is below 0", id="negative"),
        pytest.param({"reward": [float("nan")] * 6}, InvalidFrame, "shown.reward is not a number", id="nan"),
        pytest.param({"item_id": ["x", "x", "z"] * 2}, InvalidFrame, "item 'x' stands twice", id="twice"),
    ],
)
def test_what_cannot_be_read_is_an_error(columns, error, complaint):
    with pytest.raises(error, match=complaint):
        preference(shown(**columns))


# How many people it takes, against an experiment.


def placed(rng: np.random.Generator, coins: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Where the one item that a user wants stands in a draft (place from 0), and its team (1 or -1).

    By its place in each of the two rankings and by coin; their other items differ, as personal lists do.
    """
    place, team = np.zeros((10, 10, coins), int), np.zeros((10, 10, coins), int)
    for ours in range(10):
        for theirs in range(10):
            a, b = ([f"{name}{n}" for n in range(10)] for name in "ab")
            a[ours] = b[theirs] = "wanted"
            for coin in range(coins):
                draft = team_draft(a, b, 20, rng)
                place[ours, theirs, coin] = [each.item_id for each in draft].index("wanted")
                team[ours, theirs, coin] = 1 if draft[place[ours, theirs, coin]].team == "a" else -1
    return place, team


@pytest.mark.slow
def test_interleaving_sees_with_4_000_users_what_an_experiment_does_not_with_40_000():
    """3 of 10 users want something; each place is looked at by 9 of 10 who looked at the one above it.

    One ranking has the wanted item on place r with a chance that falls by .80 per place, the other by .85.
    """
    rng = np.random.default_rng(30)
    place, team = placed(rng)
    chances = [np.power(fall, np.arange(10)) for fall in (0.80, 0.85)]
    better, worse = (chance / chance.sum() for chance in chances)
    rounds, users = 300, 4_000
    ours, theirs = (rng.choice(10, size=(rounds, users), p=chance) for chance in (better, worse))
    coin = rng.integers(place.shape[2], size=(rounds, users))
    clicked = rng.random((rounds, users)) < 0.3 * 0.9 ** place[ours, theirs, coin]
    won = team[ours, theirs, coin]

    for_a, for_b = ((clicked & (won == side)).sum(axis=1) for side in (1, -1))
    seen = binomtest_p(for_a, for_b) <= 0.05
    rates = [rng.binomial(20_000, 0.3 * (chance @ 0.9 ** np.arange(10)), rounds) / 20_000 for chance in (better, worse)]
    error = np.sqrt(sum(rate * (1 - rate) / 20_000 for rate in rates))
    in_experiment = np.abs(rates[0] - rates[1]) > 1.96 * error

    assert (for_a > for_b)[seen].mean() > 0.99
    assert seen.mean() == pytest.approx(0.8, abs=0.07)
    assert in_experiment.mean() < 0.65


def binomtest_p(for_a: np.ndarray, for_b: np.ndarray) -> np.ndarray:
    """The exact two-sided sign test."""
    return np.minimum(1.0, 2 * binom.cdf(np.minimum(for_a, for_b), for_a + for_b, 0.5))


def test_the_command_says_who_is_preferred(tmp_path: Path, capsys):
    voices(*[(1, 0)] * 10).write_csv(tmp_path / "shown.csv")

    with pytest.raises(SystemExit) as stopped:
        main(["interleave", "--shown", str(tmp_path / "shown.csv")])

    assert not stopped.value.code
    assert json.loads(capsys.readouterr().out)["preferred"] == "a"


def test_the_server_s_own_log_says_who_is_preferred(tmp_path: Path, capsys, exposure):
    """Ten people clicked what a put first; a list of one ranking alone, and another surface, say nothing."""

    def logged(request: str, user: str, *teams: str | None, surface: str = "home") -> Exposure:
        items = [{"item_id": item, "team": team} for item, team in zip("xyz", teams, strict=False)]
        return exposure(request, user, *items, surface=surface)

    answers = [logged(f"r{n}", f"u{n}", "a", "b", None) for n in range(10)]
    others = [logged("plain", "u0", None, None), logged("cart", "u1", "b", "a", surface="cart")]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(msgspec.json.encode(each) for each in answers + others))
    clicks = pl.DataFrame({"request_id": [each.request_id for each in answers + others], "item_id": "x"})
    clicks.with_columns(type=pl.lit("click")).write_ndjson(tmp_path / "outcomes.jsonl")
    asked = ("--exposures", tmp_path / "log.jsonl", "--outcomes", tmp_path / "outcomes.jsonl", "--surface", "home")

    with pytest.raises(SystemExit) as stopped:
        main(["interleave", *map(str, asked)])

    found = json.loads(capsys.readouterr().out)
    assert not stopped.value.code
    assert (found["preferred"], found["answers"], found["won"]) == ("a", 10, {"a": 10, "b": 0, "tie": 0})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param([], "say either --shown FILE or --exposures FILES", id="nothing"),
        pytest.param(["--exposures", "a.jsonl"], "without what came of it nobody wins", id="no outcomes"),
    ],
)
def test_the_command_says_what_it_needs(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["interleave", *arguments])

    assert (stopped.value.code, complaint in capsys.readouterr().err) == (1, True)
