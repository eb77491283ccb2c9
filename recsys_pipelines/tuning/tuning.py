"""A tuning as a whole: a question, an algorithm with its settings so far, and a space in; the settings to take out."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from recsys_pipelines.algorithm import Algorithm
from recsys_pipelines.backtest.choosing import configured
from recsys_pipelines.tuning.folds import Fold, values
from recsys_pipelines.tuning.record import Trial, Tuned
from recsys_pipelines.tuning.search import Budget, Study, search
from recsys_pipelines.tuning.spaces import Space, text


@dataclass(frozen=True, kw_only=True)
class Search:
    """How long, by which metric, and where it is kept so that it can go on."""

    budget: Budget = field(default_factory=lambda: Budget(minutes=5.0))
    k: int = 10
    seed: int = 0
    storage: Path | None = None


def tune(
    artifact: str,
    algorithm: Algorithm,
    space: Space,
    *,
    folds: Sequence[Fold],
    how: Search,
    told: Callable[[Trial], None] = lambda _: None,
) -> Tuned:
    """Search, beginning with the settings as they are, which win a tie; so the result is never worse on the folds."""
    kind = type(algorithm)
    base = msgspec.to_builtins(algorithm)

    def objective(settings: dict[str, Any]) -> Iterator[float]:
        return values(configured(artifact, kind, base | settings), folds, how.k)

    before = _before(objective, {name: base[name] for name in space})
    told(before)
    study = Study(study_name(artifact, algorithm, space, folds=folds, how=how), len(folds), how.seed, how.storage)
    trials = [before, *search(objective, space, how.budget, study, told=told)]
    best = min(
        (each for each in trials if each.state == "complete"), key=lambda each: (-(each.value or 0), each.number)
    )
    return Tuned(
        algorithm=algorithm.name,
        artifact=artifact,
        metric=f"ndcg@{how.k}",
        folds=len(folds),
        space={name: text(domain) for name, domain in space.items()},
        seed=how.seed,
        before=before,
        best=best,
        set=tuple(options(artifact, best.settings)),
        trials=tuple(trials),
    )


def options(artifact: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """The settings as ``--set`` of `recsys backtest` takes them."""
    for name, value in settings.items():
        yield f"{artifact}.{name}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}"


def study_name(artifact: str, algorithm: Algorithm, space: Space, *, folds: Sequence[Fold], how: Search) -> str:
    """Another one for other data, other fixed settings, another space or another metric: these are other searches."""
    fixed = {name: value for name, value in msgspec.to_builtins(algorithm).items() if name not in space}
    said = [algorithm.name, fixed, {name: text(domain) for name, domain in space.items()}, how.k]
    digest = hashlib.sha256(msgspec.json.encode(said, order="sorted"))
    for fold in folds:
        for table in (fold.data.interactions.select("user_id", "item_id", "weight"), fold.asked.truth):
            digest.update(table.sort(table.columns).write_csv().encode())
    return f"{artifact}-{digest.hexdigest()[:12]}"


def _before(objective: Callable[[dict[str, Any]], Iterator[float]], settings: dict[str, Any]) -> Trial:
    begin = perf_counter()
    found = tuple(objective(settings))
    seconds = round(perf_counter() - begin, 3)
    value = sum(found) / len(found)
    return Trial(number=0, settings=settings, state="complete", values=found, value=value, seconds=seconds)
