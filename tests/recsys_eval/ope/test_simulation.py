"""Bias and coverage of every estimator where the truth is known, as the table of the docs says.

The table is computed again with its seeds: if an estimator changes, so must the page.
"""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from recsys_eval.ope import Options, logged, off_policy

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "off-policy-evaluation.md"
ROW = re.compile(r"^\| `([\w-]+)` \| ([+-][\d.]+) \| ([\d.]+) \| (\d+) % \|$", re.MULTILINE)
LOGS, DECISIONS = 120, 400

pytestmark = pytest.mark.slow


SLATES = {"item_position": "marginal", "reward_interaction": "conditional", "whole_slate": "conditional"}


@pytest.fixture(scope="module")
def of_answers(slates) -> dict[str, np.ndarray]:
    """The same of estimators of whole answers, each on the chances that it wants."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SLATES}
    for seed in range(LOGS):
        logs = slates.logs(np.random.default_rng(seed), DECISIONS)
        by_chances = {name: off_policy(logged(rows), Options(resamples=200)).estimates for name, rows in logs.items()}
        for name, chances in SLATES.items():
            each = next(one for one in by_chances[chances] if one.estimator == name)
            found[name].append((each.value, each.low, each.high))
    return {name: np.array(rows) for name, rows in found.items()}


@pytest.fixture(scope="module")
def estimated(world) -> dict[str, np.ndarray]:
    """By estimator: value, low and high, from each of 120 logs of 400 decisions."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(LOGS):
        log = logged(*world.log(np.random.default_rng(seed), DECISIONS))
        for each in off_policy(log, Options(resamples=200, switch=2.0, penalty=0.1)).estimates:
            found.setdefault(each.estimator, []).append((each.value, each.low, each.high))
    return {name: np.array(rows) for name, rows in found.items()}


def summary(rows: np.ndarray, truth: float) -> tuple[float, float, float]:
    """Bias, spread (standard deviation) and coverage in percent."""
    value, low, high = rows.T
    return value.mean() - truth, value.std(ddof=1), 100 * float(np.mean((low <= truth) & (truth <= high)))


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_unbiased_estimators_are_unbiased_and_their_intervals_hold_the_truth(name, estimated, world):
    bias, spread, coverage = summary(estimated[name], world.truth)

    assert abs(bias) <= 3 * spread / np.sqrt(LOGS)
    assert coverage == pytest.approx(95, abs=3 * 100 * np.sqrt(0.05 * 0.95 / LOGS))


def test_the_direct_method_is_as_wrong_as_its_model(estimated, world):
    bias, spread, coverage = summary(estimated["dm"], world.truth)

    assert abs(bias) > 3 * spread / np.sqrt(LOGS)
    assert coverage < 50


def test_a_model_and_normalised_weights_make_estimates_steadier(estimated):
    spread = {name: rows[:, 0].std() for name, rows in estimated.items()}

    assert spread["dr"] < spread["ips"]
    assert spread["snips"] < spread["ips"]


@pytest.mark.parametrize("name", ["reward_interaction", "whole_slate"])
def test_an_estimator_that_allows_for_what_stands_above_finds_the_truth(name, of_answers, slates):
    bias, spread, coverage = summary(of_answers[name], slates.truth)

    assert abs(bias) <= 3 * spread / np.sqrt(LOGS)
    assert coverage == pytest.approx(95, abs=3 * 100 * np.sqrt(0.05 * 0.95 / LOGS))


def test_one_that_does_not_is_biased_where_a_good_item_takes_clicks_from_the_next(of_answers, slates):
    bias, spread, _ = summary(of_answers["item_position"], slates.truth)

    assert abs(bias) > 3 * spread / np.sqrt(LOGS)


def test_assuming_less_costs_precision(of_answers):
    spread = {name: rows[:, 0].std() for name, rows in of_answers.items()}

    assert spread["item_position"] < spread["reward_interaction"] < spread["whole_slate"]


def test_the_page_shows_these_numbers(estimated, of_answers, world, slates):
    page = {name: [float(number) for number in numbers] for name, *numbers in ROW.findall(PAGE.read_text())}
    truths = dict.fromkeys(estimated, world.truth) | dict.fromkeys(of_answers, slates.truth)

    assert set(page) == set(truths)
    for name, shown in page.items():
        bias, spread, coverage = summary((estimated | of_answers)[name], truths[name])
        assert shown[:2] == pytest.approx([bias, spread], abs=0.0002)
        assert shown[2] == pytest.approx(coverage, abs=1)


def test_a_right_model_makes_up_for_wrong_propensities(world):
    """Doubly robust from the other side: the propensities are off by half, the model is the truth."""
    errors = {"ips": [], "dr": []}
    for seed in range(60):
        rows, target = world.log(np.random.default_rng(seed), DECISIONS)
        situation = rows.select("x_0", "x_1", "x_2", "x_3").to_numpy().argmax(axis=1)
        action = rows["item_id"].cast(int).to_numpy()
        wrong = rows.with_columns(
            propensity=rows["propensity"] / 1.5,
            predicted=world.click[situation, action],
            expected=(world.new * world.click).sum(axis=1)[situation],
        )
        estimates = {
            each.estimator: each.value for each in off_policy(logged(wrong, target), Options(resamples=1)).estimates
        }
        for name, found in errors.items():
            found.append(estimates[name] - world.truth)

    assert np.mean(errors["ips"]) > 0.1
    assert abs(np.mean(errors["dr"])) <= 3 * np.std(errors["dr"]) / np.sqrt(60)


def test_clipping_leans_to_the_old_policy(world):
    log = logged(*world.log(np.random.default_rng(1), 5_000))
    options = Options(resamples=1)

    plain, cut = (
        off_policy(log, msgspec.structs.replace(options, clip=clip)).estimates[0].value for clip in (None, 1.0)
    )

    assert cut < plain
