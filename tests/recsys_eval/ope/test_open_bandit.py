"""Published numbers of the Open Bandit data: the value of Thompson sampling from the log of a uniform policy.

st-tech/zr-obp, examples/quickstart/obd.ipynb: inverse propensity weighting .004553 (.001531 - .009254), doubly robust
.004727 (.001702 - .009416), and .0042 when Thompson sampling really ran. With 38 clicks in 10,000 impressions, and
actions drawn by chance, only the intervals can be compared.
"""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from recsys_eval.ope import OffPolicy, Options, logged, off_policy

SHARED = Path(os.environ.get("RECSYS_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
BANDIT = SHARED / "open-bandit-all"
DRAWS, PLACES, ITEMS = 100_000, 3, 80

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BANDIT.exists(), reason=f"Open Bandit is not at {SHARED} (RECSYS_SHARED_DATA)"),
]


def thompson(rng: np.random.Generator) -> np.ndarray:
    """How likely each item is at each place: draws from the Beta prior, the best three of each draw."""
    prior = yaml.safe_load((BANDIT / "prior_bts.yaml").read_text())["all"]
    counts = np.zeros((PLACES, ITEMS))
    for _ in range(10):
        drawn = rng.beta(prior["alpha"], prior["beta"], size=(DRAWS // 10, ITEMS))
        for place in range(PLACES):
            best = drawn.argmax(axis=1)
            counts[place] += np.bincount(best, minlength=ITEMS)
            drawn[np.arange(len(drawn)), best] = -1.0
    return counts / DRAWS


@pytest.fixture(scope="module")
def evaluated() -> OffPolicy:
    chances = thompson(np.random.default_rng(0))
    target = pl.DataFrame(
        {
            "rank": np.repeat([1, 2, 3], ITEMS),
            "item_id": np.tile(np.arange(ITEMS).astype(str), PLACES),
            "probability": chances.ravel(),
        }
    )
    raw = pl.read_csv(BANDIT / "random" / "all.csv")
    users = [f"user_feature_{n}" for n in range(4)]
    features = {
        f"x_{name}_{value}": (raw[name] == value).cast(pl.Float64)
        for name in users
        for value in raw[name].unique().sort()
    }
    log = pl.DataFrame(
        {
            "request_id": raw[""].cast(pl.String),
            "item_id": raw["item_id"],
            "rank": raw["position"],
            "reward": raw["click"],
            "propensity": raw["propensity_score"],
            **features,
        }
    )
    return off_policy(logged(log, target), Options(resamples=1_000))


@pytest.mark.parametrize(
    ("name", "published", "low", "high"),
    [("ips", 0.004553, 0.001531, 0.009254), ("dr", 0.004727, 0.001702, 0.009416)],
)
def test_the_published_intervals_are_reproduced(name, published, low, high, evaluated):
    estimate = next(each for each in evaluated.estimates if each.estimator == name)

    assert low < estimate.value < high
    assert estimate.low < published < estimate.high
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.0006)


def test_the_truth_lies_in_the_intervals(evaluated):
    assert all(each.low < 0.0042 < each.high for each in evaluated.estimates if each.estimator != "dm")


def test_the_uniform_policy_is_worth_its_clicks(evaluated):
    assert evaluated.logged_value.value == 0.0038


def test_a_uniform_log_overlaps_with_everything(evaluated):
    assert evaluated.overlap.unseen_share == 0.0
    assert evaluated.warnings == ()
