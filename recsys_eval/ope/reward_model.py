"""A small model of the reward, fitted on others than it predicts: what the direct and doubly robust estimators lean on.

A score is the sum of an effect of the action, one of the rank and a weighting of the features, through a logistic link
for rewards of 0 and 1, else as it is; ridge-penalised, by conjugate gradients. It need not be right for doubly robust
to be right.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit  # type: ignore[import-untyped]  # no stubs

from recsys_eval.errors import InvalidFrame
from recsys_eval.metrics.hits import Ints, Vector
from recsys_eval.ope.logged import Flags, Logged, Policy

CELLS_AT_ONCE = 4_000_000  # 32 MB of scores at a time
SLOPE = 1e-3  # of the whole loss: far below what the noise of a reward moves


class Predicted(NamedTuple):
    """The reward that the model expects of what was shown, and on average over what the new policy would show."""

    predicted: Vector
    expected: Vector


class _Sample(NamedTuple):
    """What a model learns from: reward, action, rank and features of decisions."""

    reward: Vector
    action: Ints
    rank: Ints
    features: Vector


@dataclass(frozen=True)
class _Effects:
    """The effects of actions, ranks and features; the level stands in those of the ranks."""

    action: Vector
    rank: Vector
    feature: Vector


def cross_fitted(log: Logged, rng: np.random.Generator, *, folds: int = 2, penalty: float = 1.0) -> Predicted:
    """Predictions for each fold by a model of the other folds; all decisions of a unit are in one (Chernozhukov, 2018).

    ``penalty`` is the ridge's, in squared effects against the loss of one decision. Raises ``InvalidFrame`` without the
    whole target policy, or with fewer units than folds.

    Stability: experimental
    """
    if log.policy is None:
        raise InvalidFrame("a reward model needs all that the new policy would do, not only the logged places")
    units = int(log.unit.max()) + 1
    if units < folds:
        raise InvalidFrame(f"{units} units cannot be split into {folds} folds; use a longer log")
    fold = (rng.permutation(units) % folds)[log.unit]
    ranks, rank = np.unique(log.rank, return_inverse=True)
    features = _standardized(log.features)
    binary = bool(np.isin(log.reward, (0.0, 1.0)).all())
    found = Predicted(np.empty(log.reward.size), np.empty(log.reward.size))
    for n in range(folds):
        out = fold == n
        known = _Sample(log.reward[~out], log.action[~out], rank[~out], features[~out])
        effects = _fit(known, (len(log.actions), ranks.size), binary=binary, penalty=penalty)
        level = effects.rank[rank[out]] + features[out] @ effects.feature
        scores = level + effects.action[log.action[out]]
        found.predicted[out] = expit(scores) if binary else scores
        found.expected[out] = _expected(level, effects.action, log.policy, out, binary=binary)
    return found


def _fit(known: _Sample, sizes: tuple[int, int], *, binary: bool, penalty: float) -> _Effects:
    """The effects with the least penalised loss; ``sizes`` are the numbers of actions and of ranks."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]  # noqa: PLC0415  # 0.3 s to import

    reward, action, rank, features = known
    cuts = np.cumsum(sizes)

    def loss(parameters: Vector) -> tuple[float, Vector]:
        effects = _Effects(*np.split(parameters, cuts))
        score = effects.action[action] + effects.rank[rank] + features @ effects.feature
        if binary:
            misfit = float(np.logaddexp(0.0, score).sum() - reward @ score)
            slope = expit(score) - reward
        else:
            slope = score - reward
            misfit = float(slope @ slope) / 2
        gradient = (
            np.bincount(action, slope, sizes[0]) + penalty * effects.action,
            np.bincount(rank, slope, sizes[1]),  # the level is not penalised
            slope @ features + penalty * effects.feature,
        )
        size = float(effects.action @ effects.action + effects.feature @ effects.feature)
        return misfit + penalty * size / 2, np.concatenate(gradient)

    start = np.zeros(sum(sizes) + features.shape[1])
    return _Effects(
        *np.split(np.asarray(minimize(loss, start, jac=True, method="CG", options={"gtol": SLOPE}).x), cuts)
    )


def _expected(level: Vector, action: Vector, policy: Policy, out: Flags, *, binary: bool) -> Vector:
    """The mean of the predictions over the actions of the new policy, in each situation."""
    situation = policy.situation[out]
    if not binary:
        return np.asarray(level + (policy.chances @ action)[situation])
    expected = np.empty(level.size)
    step = max(1, CELLS_AT_ONCE // action.size)
    for start in range(0, level.size, step):
        part = slice(start, start + step)
        scores = expit(level[part, None] + action[None, :])
        expected[part] = np.einsum("ij,ij->i", scores, policy.chances[situation[part]])
    return expected


def _standardized(features: Vector) -> Vector:
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
