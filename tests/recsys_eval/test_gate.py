import collections
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from data_contracts.documents import Gate
from recsys_eval.case import Evidence
from recsys_eval.errors import DifferentUsers, InvalidFrame, UnknownMetric
from recsys_eval.gate import decide
from recsys_eval.metrics import Metrics, evaluate
from recsys_eval.slices import slices_of
from recsys_eval.verdict import EXIT_CODES, Verdict

GATE = Gate()


def measured(values: list[float], users: list[str] | None = None, **summary: float) -> Metrics:
    """Metrics as `evaluate` would give them; `coverage` is at 10."""
    ids = users or [f"u{n:04d}" for n in range(len(values))]
    named = {"coverage@10" if name == "coverage" else name: value for name, value in summary.items()}
    return Metrics(named, pl.DataFrame({"user_id": ids, "ndcg@10": values}, schema_overrides={"ndcg@10": pl.Float64}))


def spread(mean: float, users: int = 200, seed: int = 0) -> list[float]:
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, users), 0, 1).tolist()


def judged(candidate: Metrics, incumbent: Metrics | None, gate: Gate = GATE, repeat: Metrics | None = None) -> Verdict:
    return decide(candidate, incumbent, gate, rng=np.random.default_rng(0), repeat=repeat)


def test_an_identical_candidate_is_promoted_with_no_difference():
    same = measured([0.2, 0.6] * 100)

    verdict = judged(same, same)

    assert (verdict.decision, verdict.exit_code) == ("promoted", 0)
    assert (verdict.difference, verdict.low, verdict.high) == (0.0, 0.0, 0.0)
    assert verdict.reason == "ndcg@10 0.4000 is the same for each of 200 users"


def test_a_worse_candidate_is_rejected_with_the_numbers():
    verdict = judged(measured([0.1, 0.5] * 100), measured([0.2, 0.6] * 100))

    assert (verdict.decision, verdict.exit_code) == ("rejected", 2)
    assert (verdict.low, verdict.high) == (pytest.approx(-0.25), pytest.approx(-0.25))  # each user lost 0.1 of 0.4
    assert verdict.reason == (
        "a proven loss: the interval ends at -25.0%, below the tolerated -2.0%; "
        "ndcg@10 0.3000 against 0.4000, -25.0% (95% interval -25.0% to -25.0%, 200 users)"
    )


def test_a_loss_that_noise_explains_is_not_proven():
    verdict = judged(measured(spread(0.39, users=60, seed=1)), measured(spread(0.4, users=60)))

    assert verdict.decision == "promoted"
    assert "no loss above 2.0% is proven; a loss smaller than" in verdict.reason


def test_a_better_candidate_is_promoted():
    verdict = judged(measured(spread(0.45)), measured(spread(0.4)))

    assert verdict.decision == "promoted"
    assert verdict.low > 0


def test_a_gain_that_is_too_good_is_suspicious():
    verdict = judged(measured(spread(0.8)), measured(spread(0.4)))

    assert (verdict.decision, verdict.exit_code) == ("suspicious", 2)
    assert "look for a leak" in verdict.reason


def test_without_an_incumbent_it_is_ungated():
    verdict = judged(measured(spread(0.4)), None)

    assert (verdict.decision, verdict.exit_code) == ("ungated", 3)
    assert verdict.reason == "there is no incumbent to compare with"
    assert (verdict.incumbent, verdict.difference, verdict.low) == (None, None, None)


def test_too_few_users_make_it_ungated():
    verdict = judged(measured(spread(0.39, users=49)), measured(spread(0.4, users=49)))

    assert verdict.decision == "ungated"
    assert verdict.reason.startswith("49 users were measured; 50 are needed")


def test_a_collapse_is_rejected_even_with_few_users():
    verdict = judged(measured([0.0] * 20), measured([1.0, 0.5, 0.5, 0.3, 0.2, 0.2] + [0.0] * 14))

    assert verdict.decision == "rejected"
    assert "-100.0%; a loss of 50% is a collapse" in verdict.reason
    assert verdict.low == -1.0


def test_three_lost_hits_of_thirty_users_are_no_collapse():
    verdict = judged(measured([0.0] * 30), measured([1.0] * 3 + [0.0] * 27))

    assert verdict.decision == "ungated"


def test_a_collapse_is_rejected_where_the_interval_alone_would_let_it_pass():
    incumbent = [1.0] * 8 + [0.0] * 92
    candidate = [0.0] * 8 + [1.0] * 2 + [0.0] * 90

    verdict = judged(measured(candidate), measured(incumbent))

    assert verdict.high > -GATE.tolerance
    assert (verdict.decision, verdict.difference) == ("rejected", pytest.approx(-0.75))


def test_a_shrunken_catalog_is_rejected():
    verdict = judged(measured(spread(0.4), coverage=0.2), measured(spread(0.4), coverage=0.5))

    assert verdict.decision == "rejected"
    assert verdict.reason.startswith("coverage@10 went from 50.0% to 20.0% of the catalog; a drop of at most 50%")


def test_half_of_the_coverage_may_be_lost_and_no_more():
    assert judged(measured(spread(0.4), coverage=0.25), measured(spread(0.4), coverage=0.5)).decision == "promoted"


def test_leaning_on_what_is_popular_is_rejected():
    candidate, incumbent = (measured(spread(0.4), **{"popularity_bias@10": bias}) for bias in (3.1, 2.0))

    verdict = judged(candidate, incumbent)

    assert verdict.decision == "rejected"
    assert verdict.reason.startswith("popularity_bias@10 went from 2.00 to 3.10, +55%; a rise of 50% is allowed")


def test_half_more_popularity_is_allowed():
    candidate, incumbent = (measured(spread(0.4), **{"popularity_bias@10": bias}) for bias in (3.0, 2.0))

    assert judged(candidate, incumbent).decision == "promoted"


@pytest.mark.parametrize(("limit", "decision"), [(None, "promoted"), (25.0, "promoted"), (19.9, "rejected")])
def test_an_answer_must_come_in_time_where_there_is_a_limit(limit, decision):
    slow = measured(spread(0.4), latency_p95_ms=20.0)

    assert judged(slow, measured(spread(0.4)), Gate(maximum_latency_ms=limit)).decision == decision


@pytest.mark.parametrize(("known", "decision"), [(0.5, "promoted"), (0.49, "suspicious")])
def test_a_catalog_that_knows_too_little_of_what_was_chosen_makes_numbers_suspicious(known, decision):
    values = spread(0.4)

    verdict = judged(measured(values, label_coverage=known), measured(values))

    assert verdict.decision == decision
    ceiling = next(check.detail for check in verdict.checks if check.name == "label coverage")
    assert ceiling.startswith(f"the catalog knows {known:.1%} of what users chose, so recall cannot be higher")


@pytest.mark.parametrize(("days", "decision"), [(0, "ungated"), (-1, "ungated"), (1, "suspicious")])
def test_a_candidate_that_was_trained_on_the_test_window_is_suspicious_even_without_an_incumbent(days, decision):
    cut = datetime(2026, 3, 1, tzinfo=UTC)
    evidence = Evidence(cut=cut, trained_until=cut + timedelta(days=days))

    verdict = decide(measured(spread(0.4)), None, GATE, rng=np.random.default_rng(0), evidence=evidence)

    assert verdict.decision == decision
    assert ("has seen the answers" in verdict.reason) == (decision == "suspicious")


def test_a_candidate_that_learned_the_test_window_by_heart_is_suspicious():
    shop = Shop(0)
    bought = shop.truth.with_columns(seen=pl.lit(1.0))
    names = {item: n for n, item in enumerate(f"item {n}" for n in range(300))}
    scores = shop.learned()
    for user, item, _ in bought.iter_rows():
        scores[shop.users.index(user), names[item]] += 1.0

    verdict = judged(shop.metrics(scores), shop.metrics(shop.learned()))

    assert verdict.decision == "suspicious"
    assert "look for a leak" in verdict.reason


def sliced(loss: float) -> Verdict:
    """400 users, of whom 60 in segment "few" lose ``loss`` of their hits; the others win a bit."""
    rng = np.random.default_rng(3)
    users = [f"u{n:03d}" for n in range(400)]
    truth = pl.DataFrame({"user_id": users, "item_id": "x"})
    luck = rng.random(400)
    few = np.arange(400) < 60
    chances = (np.where(few, 0.6 * (1 - loss), 0.66), 0.6)
    systems = [
        evaluate(pl.DataFrame({"user_id": users, "item_id": np.where(luck < chance, "x", "y"), "rank": 1}), truth, 10)
        for chance in chances
    ]
    labels = pl.DataFrame({"user_id": users, "segment": np.where(few, "few", "many")})
    evidence = Evidence(slices=slices_of(truth, labels=[labels]))
    return decide(*systems, GATE, rng=np.random.default_rng(0), evidence=evidence)


def test_a_slice_that_pays_for_the_gain_of_the_others_is_a_reason_to_reject():
    verdict = sliced(loss=0.9)

    assert (verdict.decision, verdict.high > 0) == ("rejected", True)
    assert verdict.reason.startswith("a slice lost more than 20%: segment 'few' (60 users): ndcg@10 -")


def test_the_smallest_slice_that_moved_is_named_though_nobody_was_harmed():
    verdict = sliced(loss=0.0)

    named = next(check.detail for check in verdict.checks if check.name == "slices")
    assert verdict.decision == "promoted"
    assert named.startswith("of 2 slices, the smallest that moved is segment 'many' (340 users): ndcg@10 +")
    assert [value.name for value in verdict.slices] == ["few", "many"]


def test_leaving_more_users_empty_is_rejected():
    verdict = judged(measured(spread(0.4), empty_rate=0.05), measured(spread(0.4), empty_rate=0.01))

    assert verdict.decision == "rejected"
    assert verdict.reason.startswith("5.0% of users get no recommendation, 1.0% before")


def test_users_who_were_left_empty_before_may_stay_so():
    assert judged(measured(spread(0.4), empty_rate=0.3), measured(spread(0.4), empty_rate=0.3)).decision == "promoted"


def test_a_candidate_that_differs_between_two_runs_is_suspicious():
    values = spread(0.4)

    verdict = judged(measured(values), measured(values), repeat=measured([*values[:-1], 0.123]))

    assert verdict.decision == "suspicious"
    assert "its seed is not fixed" in verdict.reason


def test_a_second_run_in_another_order_of_users_is_the_same():
    values = spread(0.4)
    again = Metrics({}, measured(values).per_user.reverse())

    assert judged(measured(values), measured(values), repeat=again).decision == "promoted"


@pytest.mark.parametrize("incumbent", [None, measured([0.0] * 100)], ids=["first generation", "an incumbent"])
def test_a_metric_that_is_0_for_everybody_is_suspicious(incumbent):
    verdict = judged(measured([0.0] * 100), incumbent)

    assert verdict.decision == "suspicious"
    assert verdict.reason == "ndcg@10 is 0.000 for each of 100 users: it cannot tell good from bad"


def test_an_incumbent_without_any_hit_was_hardly_measured_rightly():
    verdict = judged(measured(spread(0.4)), measured([0.0] * 200))

    assert verdict.decision == "suspicious"
    assert "was it measured rightly?" in verdict.reason


def test_other_users_than_the_incumbent_had_raise():
    with pytest.raises(
        DifferentUsers, match=r"candidate has 2 users and incumbent 2, 2 of them only on one side.*'ann'"
    ):
        judged(measured([0.1, 0.2], ["ann", "bob"]), measured([0.1, 0.2], ["bob", "cy"]))


def test_a_user_who_stands_twice_raises():
    with pytest.raises(DifferentUsers, match="some users more than once"):
        judged(measured([0.1, 0.2], ["ann", "ann"]), measured([0.1], ["ann"]))


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), float("inf"), None], ids=str)
def test_a_value_outside_0_and_1_raises_and_names_the_user(value):
    with pytest.raises(InvalidFrame, match=r"candidate: ndcg@10 of user 'u0001' is .*; a value per user lies in 0..1"):
        judged(measured([0.5, value]), None)


def test_a_gate_on_a_metric_that_was_not_measured_raises():
    with pytest.raises(UnknownMetric, match="'recall@10' was not measured per user; measured were ndcg@10"):
        judged(measured([0.5]), None, Gate(metric="recall@10"))


def test_no_user_at_all_raises():
    with pytest.raises(InvalidFrame, match="no user was measured"):
        judged(measured([]), None)


def test_the_order_of_users_does_not_matter():
    incumbent, candidate = measured(spread(0.4)), measured(spread(0.35, seed=3))
    shuffled = Metrics({}, candidate.per_user.sample(fraction=1, shuffle=True, seed=9))

    assert judged(shuffled, incumbent) == judged(candidate, incumbent)


def test_the_same_seed_gives_the_same_verdict():
    incumbent, candidate = measured(spread(0.4)), measured(spread(0.35, seed=3))

    assert judged(candidate, incumbent) == judged(candidate, incumbent)


def test_a_verdict_survives_json():
    verdict = judged(measured(spread(0.3, seed=1), coverage=0.4), measured(spread(0.4), coverage=0.5))

    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


def test_every_decision_has_an_exit_code():
    assert dict(EXIT_CODES) == {"promoted": 0, "rejected": 2, "suspicious": 2, "ungated": 3}


def test_a_verdict_can_be_read_by_a_script(golden):
    verdict = judged(measured(spread(0.3, seed=1), coverage=0.4), measured(spread(0.4), coverage=0.5))

    golden("verdict.json", msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n")


class Shop:
    """300 items, 600 users of 6 tastes; a third of them buy 1 to 3 items in the test days, mostly of their taste."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        taste = self.rng.integers(6, size=200)
        popularity = self.rng.zipf(1.6, 300) ** 0.5
        likes = np.where(np.arange(300)[None, :] % 6 == taste[:, None], 8.0, 1.0) * popularity
        self.likes = likes / likes.sum(axis=1, keepdims=True)
        self.users = [f"u{n:04d}" for n in range(200)]
        bought = [
            (user, f"item {item}")
            for user, chances in zip(self.users, self.likes, strict=True)
            for item in self.rng.choice(300, size=self.rng.integers(1, 4), replace=False, p=chances)
        ]
        self.truth = pl.DataFrame(bought, schema=["user_id", "item_id"], orient="row")

    def metrics(self, scores: np.ndarray) -> Metrics:
        best = np.argsort(-scores, axis=1)[:, :10]
        recs = {
            "user_id": np.repeat(self.users, 10),
            "item_id": [f"item {item}" for item in best.ravel()],
            "rank": np.tile(np.arange(1, 11), 200),
        }
        return evaluate(pl.DataFrame(recs), self.truth, 10)

    def learned(self) -> np.ndarray:
        """What a model with some noise would have learned."""
        return self.likes * np.exp(self.rng.normal(scale=0.7, size=self.likes.shape))


@pytest.mark.parametrize("seed", range(8))
def test_an_algorithm_with_shuffled_scores_is_rejected_on_a_small_shop(seed):
    shop = Shop(seed)
    shuffled = shop.metrics(shop.rng.permuted(shop.learned(), axis=1))

    assert judged(shuffled, shop.metrics(shop.learned())).decision == "rejected"


def test_two_fits_of_the_same_algorithm_pass_nearly_always():
    shops = [Shop(seed) for seed in range(30)]

    decisions = collections.Counter(
        judged(shop.metrics(shop.learned()), shop.metrics(shop.learned())).decision for shop in shops
    )

    assert decisions["promoted"] >= 27  # one-sided 2.5 %: 0.75 of 30 are expected to fail


@pytest.mark.parametrize("users", [20, 40])
def test_even_a_handful_of_users_shows_that_scores_were_shuffled(users):
    rejected = 0
    for seed in range(8):
        shop = Shop(seed)
        good, bad = (
            Metrics({}, measured.per_user.head(users))
            for measured in (shop.metrics(shop.likes), shop.metrics(shop.rng.permuted(shop.likes, axis=1)))
        )
        rejected += judged(bad, good).decision == "rejected"

    assert rejected >= 7
