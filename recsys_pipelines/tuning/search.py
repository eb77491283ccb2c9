"""The search itself, by Optuna: the tree-structured Parzen estimator, with trials that fall behind given up early.

This is the only module that names optuna, inside functions: importing it takes half a second.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from recsys_pipelines.algorithm import AlgorithmError
from recsys_pipelines.tuning.record import State, Trial
from recsys_pipelines.tuning.spaces import Choices, Domain, Space

Tried = tuple[State, tuple[float, ...], str]  # what became of a trial, its values, and a note
Objective = Callable[[dict[str, Any]], Iterator[float]]  # settings -> the metric on one fold after the other
STARTUP = 8  # trials at random before the search learns from them
_STATES: Mapping[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many trials in all, those before a resumption included, or minutes, whatever is first.

    The trial that runs when the time is over is finished.
    """

    trials: int | None = None
    minutes: float | None = None

    def is_spent(self, trials: int, seconds: float) -> bool:
        """Whether there is to be no further trial."""
        late = self.minutes is not None and seconds >= self.minutes * 60
        return late or (self.trials is not None and trials >= self.trials)


@dataclass(frozen=True)
class Study:
    """A search that can go on where it was left: the same name in the same file. Without a file it is forgotten.

    ``folds`` is how many values the objective gives for a trial that is not given up.
    """

    name: str
    folds: int = 1
    seed: int = 0
    storage: Path | None = None


def search(
    objective: Objective, space: Space, budget: Budget, study: Study, *, told: Callable[[Trial], None] = lambda _: None
) -> list[Trial]:
    """All trials of the study, numbered from 1, once the budget is spent; the value is to be high.

    With a budget of trials the same seed gives the same trials. ``AlgorithmError``, ``ValueError`` and ``MemoryError``
    of the objective make a failed trial; all else is raised.
    """
    import optuna  # noqa: PLC0415

    found = _study(study)
    distributions = {name: _distribution(domain) for name, domain in space.items()}
    known: dict[tuple[Any, ...], Tried] = {}
    begin = perf_counter()
    while not budget.is_spent(len(found.trials), perf_counter() - begin):
        asked = found.ask(distributions)
        settings = _settings(asked.params, space)
        key = tuple(settings[name] for name in sorted(settings))
        started = perf_counter()
        state, values, note = _tried(asked, objective, settings, study.folds) if key not in known else known[key]
        if state == "complete":
            known[key] = ("complete", values, "tried before")
        asked.set_user_attr("facts", [list(values), perf_counter() - started, note])
        states = optuna.trial.TrialState
        found.tell(
            asked,
            _mean(values) if state == "complete" else None,
            state={"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[state],
        )
        told(_trial(found.trials[asked.number], space))
    return [_trial(each, space) for each in found.trials if each.state.name in _STATES]


def _study(study: Study) -> Any:
    import optuna  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend, JournalStorage  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None if study.storage is None else JournalStorage(JournalFileBackend(str(study.storage)))
    found = optuna.create_study(
        storage=storage, study_name=study.name, direction="maximize", load_if_exists=True, pruner=_pruner()
    )
    # A seed that counts on: with the same one a resumed search would draw the same trials again.
    found.sampler = optuna.samplers.TPESampler(seed=study.seed + len(found.trials), n_startup_trials=STARTUP)
    return found


def _pruner() -> Any:
    import optuna  # noqa: PLC0415

    return optuna.pruners.MedianPruner(n_startup_trials=STARTUP)


def _distribution(domain: Domain) -> Any:
    from optuna import distributions  # noqa: PLC0415

    if isinstance(domain, Choices):
        return distributions.CategoricalDistribution(domain.values)
    if domain.whole:
        return distributions.IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return distributions.FloatDistribution(domain.low, domain.high, log=domain.log)


def _tried(asked: Any, objective: Objective, settings: dict[str, Any], folds: int) -> Tried:
    """What became of one trial, which may be given up after any fold but the last."""
    values: list[float] = []
    try:
        for value in objective(settings):
            values.append(value)
            asked.report(_mean(values), len(values))
            if len(values) < folds and asked.should_prune():
                return "pruned", tuple(values), ""
    except (AlgorithmError, ValueError, MemoryError) as error:
        return "failed", tuple(values), str(error) or type(error).__name__
    return "complete", tuple(values), ""


def _settings(params: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """What was drawn, floats to five digits: more would only be noise in a document."""
    rounded = {name: float(f"{value:.5g}") if type(value) is float else value for name, value in params.items()}
    return {name: rounded[name] for name in space}


def _trial(frozen: Any, space: Space) -> Trial:
    values, seconds, note = frozen.user_attrs["facts"]
    return Trial(
        number=frozen.number + 1,
        settings=_settings(frozen.params, space),
        state=_STATES[frozen.state.name],
        values=tuple(values),
        value=_mean(values) if values else None,
        seconds=round(seconds, 3),
        note=note,
    )


def _mean(values: Any) -> float:
    return float(sum(values) / len(values))
