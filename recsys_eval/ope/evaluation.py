"""The value of a policy that did not run: every estimator on one log, with intervals, and what to beware of."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
import numpy as np

from recsys_eval.metrics.hits import Ints, Vector
from recsys_eval.ope.estimators import clipped, direct, doubly_robust, ips, snips, switched
from recsys_eval.ope.facts import Estimate, OffPolicy
from recsys_eval.ope.logged import Logged
from recsys_eval.ope.overlap import overlap, warnings
from recsys_eval.ope.reward_model import Predicted, cross_fitted
from recsys_eval.ope.slates import DEPENDENCES, slate_values
from recsys_eval.statistics import percentiles, resampled_means

DIGITS = 12  # the same on any machine
MOST_UNITS = 20_000


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to estimate. ``clip`` cuts weights, ``switch`` is the weight above which the model alone is believed.

    Stability: experimental
    """

    clip: Annotated[float, msgspec.Meta(gt=0)] | None = None
    switch: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    folds: Annotated[int, msgspec.Meta(ge=2)] = 2
    penalty: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    confidence: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    resamples: Annotated[int, msgspec.Meta(ge=1)] = 2_000
    seed: int = 0


def off_policy(log: Logged, options: Options = Options()) -> OffPolicy:  # noqa: B008  # frozen
    """All estimators that the log allows: with a model where the whole target policy, or predictions, are known.

    An interval is the middle of bootstrap means over units (users, or answers). Cost grows with decisions, and with up
    to 20,000 units times resamples; a target policy per answer takes memory of answers times actions.

    Stability: experimental
    """
    values = values_of(log, options)
    unit_of_answer = log.unit[np.flatnonzero(np.diff(log.request, prepend=-1))]
    facts = overlap(log, options.clip)
    return OffPolicy(
        logged_value=_estimate("logged", log.reward, log.unit, options),
        estimates=(
            *(_estimate(name, each, log.unit, options) for name, each in values.items()),
            *(
                _estimate(name, each, unit_of_answer, options, per="answer")
                for name, each in _slates(log, options).items()
            ),
        ),
        overlap=facts,
        warnings=warnings(facts),
        confidence=options.confidence,
        resamples=options.resamples,
        seed=options.seed,
    )


def values_of(log: Logged, options: Options) -> Mapping[str, Vector]:
    """The values per decision of each estimator, by its name."""
    weight = _weight(log, options)
    values = {"ips": ips(log.reward, weight), "snips": snips(log.reward, weight)}
    model = _model(log, options)
    if model is None:
        return values
    residual = (log.reward, weight, model.predicted, model.expected)
    return values | {
        "dm": direct(model.expected),
        "dr": doubly_robust(*residual),
        "switch-dr": switched(*residual, threshold=options.switch),
    }


def per_unit(values: Vector, unit: Ints) -> Vector:
    """One value per unit with the same mean; their spread is that of a mean over units of different sizes.

    >>> per_unit(np.array([1.0, 0.0, 1.0]), np.array([0, 1, 1])).round(3).tolist()
    [0.889, 0.444]

    Stability: internal
    """
    mean, size = values.mean(), np.bincount(unit)
    return np.asarray(mean + np.bincount(unit, values - mean) / size.mean())


def grouped(unit: Ints, rng: np.random.Generator) -> Ints:
    """The units, dealt into ``MOST_UNITS`` groups where there are more.

    The spread of a mean is the same over groups of independent units as over the units, and a million of them would
    take minutes to resample.

    Stability: internal
    """
    units = int(unit.max()) + 1
    return unit if units <= MOST_UNITS else (rng.permutation(units) % MOST_UNITS)[unit]


def _slates(log: Logged, options: Options) -> dict[str, Vector]:
    """The values per answer; none where every answer has one place, as they would say the same again."""
    if int(log.request[-1]) + 1 == log.request.size:
        return {}
    return {name: slate_values(log.reward, _weight(log, options), log.request, name) for name in DEPENDENCES}


def _model(log: Logged, options: Options) -> Predicted | None:
    if log.predicted is not None and log.expected is not None:
        return Predicted(log.predicted, log.expected)
    if log.policy is None or int(log.unit.max()) + 1 < options.folds:
        return None
    return cross_fitted(log, np.random.default_rng(options.seed), folds=options.folds, penalty=options.penalty)


def _weight(log: Logged, options: Options) -> Vector:
    return clipped(log.weight, options.clip)


def _estimate(
    name: str, values: Vector, unit: Ints, options: Options, *, per: Literal["place", "answer"] = "place"
) -> Estimate:
    if not np.isfinite(values).all():
        return Estimate(estimator=name, per=per, value=None)
    rng = np.random.default_rng(options.seed)
    means = resampled_means(per_unit(values, grouped(unit, rng)), options.resamples, rng)
    low, high = percentiles(means, options.confidence)
    return Estimate(estimator=name, per=per, value=round(float(values.mean()), DIGITS), low=low, high=high)
