"""`recsys tune`: better settings for one algorithm, found on training data alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from data_contracts.errors import ContractError
from jobs.asked import Files, Weights, writable
from jobs.reviewed import hand_over, logged

if TYPE_CHECKING:
    from recsys_pipelines.algorithm import Algorithm
    from recsys_pipelines.tenants import Tenant
    from recsys_pipelines.tuning.folds import Fold
    from recsys_pipelines.tuning.record import Trial, Tuned
    from recsys_pipelines.tuning.tuning import Search
    from recsys_pipelines.workshop import Workshop

MOST_SHOWN = 5


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Searching:
    """What is searched, for how long."""

    space: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    "A field and what to try, such as l2=50:2000:log or similarity=cosine,jaccard; may be repeated; default: a table."
    set: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    "A setting that is not searched, such as ease.neighbors=500."
    budget_minutes: float | None = None
    "Stop after so long; the trial that runs is finished. Default: 5, or no limit where --trials is given."
    trials: int | None = None
    "Stop after so many trials, those before a resumption included. The same number and seed give the same result."
    folds: int = 3
    "How many parts of the data are predicted from the others, or from what was before them."
    split: Literal["time", "random", "last-k"] | None = None
    "How the data is parted; default: time where there are times, else random."
    keep_seen: bool = False
    "Also recommend what the user had."
    k: int = 10
    "Settings are compared by NDCG at this length."
    storage: Path | None = None
    "Keep the search in this file, and go on with what is in it."
    seed: int = 0
    "Of the search and of the algorithm."

    def how(self) -> "Search":
        """The same, read."""
        from recsys_pipelines.tuning.search import Budget  # noqa: PLC0415
        from recsys_pipelines.tuning.tuning import Search  # noqa: PLC0415

        if min(self.folds, self.k, 1 if self.trials is None else self.trials) < 1:
            raise ContractError("--folds, --k and --trials must be at least 1")
        if self.budget_minutes is not None and not self.budget_minutes > 0:
            raise ContractError(f"--budget-minutes {self.budget_minutes:g} must be above 0")
        minutes = self.budget_minutes if self.budget_minutes or self.trials else 5.0
        return Search(budget=Budget(self.trials, minutes), k=self.k, seed=self.seed, storage=self.storage)


class Task(NamedTuple):
    """What is tuned, and on what."""

    artifact: str
    algorithm: "Algorithm"
    folds: "list[Fold]"


def tune(  # noqa: PLR0913  (the options of one search)
    *,
    algorithm: str,
    tenant: str | None = None,
    files: Files = Files(),  # noqa: B008  (frozen)
    weights: Weights = Weights(),  # noqa: B008  (frozen)
    searching: Searching = Searching(),
    json: Path | None = None,
    apply: bool = False,
) -> None:
    """Search an algorithm's settings on training data alone, and say what to change.

    Of files, give all that is for training: nothing is held out of them but the folds that trials are measured on. Of a
    tenant, what the next release is tested on is left out; the change is written as a JSON merge patch and shown, and
    every trial is logged to MLflow.

    `recsys tune --train train.csv --algorithm ease --space l2=50:2000:log --trials 20`

    `recsys tune --tenant demo --algorithm als --budget-minutes 5 --storage als.log`

    Parameters
    ----------
    algorithm
        The algorithm; of a tenant, the artifact that it makes.
    tenant
        The tenant's name; it must have been run before.
    json
        Write all trials to this file.
    apply
        Also change the tenant's document.
    """
    from recsys_pipelines.tuning.spaces import for_document, space  # noqa: PLC0415  (Polars: only when asked)
    from recsys_pipelines.tuning.tuning import study_name  # noqa: PLC0415
    from recsys_pipelines.tuning.tuning import tune as run  # noqa: PLC0415

    writable(json, searching.storage)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    shop = _shop(tenant)
    how = searching.how()
    task = _of_files(algorithm, files, weights, searching) if shop is None else _of_tenant(shop, algorithm, searching)
    wanted = space(task.algorithm, searching.space)
    if shop is not None:
        wanted = for_document(wanted, type(task.algorithm))
    told = _teller(console)
    if shop is not None:
        study = study_name(task.artifact, task.algorithm, wanted, folds=task.folds, how=how)
        told = logged(told, shop, study, metric=f"ndcg@{how.k}", console=console)
    found = run(task.artifact, task.algorithm, wanted, folds=task.folds, how=how, told=told)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    show(Console(highlight=False), found)
    if shop is not None:
        hand_over(shop, found, apply=apply)


def _shop(tenant: str | None) -> "tuple[Workshop, Tenant] | None":
    """The installation and the tenant, where one is named."""
    if tenant is None:
        return None
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    return shop, shop.tenant(tenant)


def _of_files(algorithm: str, files: Files, weights: Weights, searching: Searching) -> Task:
    """The task that files set."""
    from recsys_pipelines.backtest.choosing import chosen  # noqa: PLC0415
    from recsys_pipelines.backtest.data import is_dated, read_events, read_items  # noqa: PLC0415
    from recsys_pipelines.backtest.splitting import Plan, Sides, known  # noqa: PLC0415
    from recsys_pipelines.tuning.folds import folds  # noqa: PLC0415

    path = files.train or files.interactions
    if path is None or files.test is not None or files.candidates is not None:
        raise ContractError("give --train FILE or --tenant NAME; nothing is looked up in --test or --candidates")
    ((label, configured),) = chosen([algorithm], searching.set).items()
    events = read_events(path, files.columns(), whole=True)
    split = searching.split or ("time" if is_dated(events) else "random")
    if split != "random" and not is_dated(events):
        raise ContractError(f"--split {split} needs times; name the column with --timestamp-column, or take random")
    question = known(events, Sides(None if files.items is None else read_items(files.items)), later=split == "time")
    plan = Plan(kind="last-k" if split == "last-k" else "given", keep_seen=searching.keep_seen)
    parts = folds(question, plan, searching.folds, weighs=weights.weighing(), seed=searching.seed)
    return Task(label, configured, parts)


def _of_tenant(place: "tuple[Workshop, Tenant]", artifact: str, searching: Searching) -> Task:
    """The task of a tenant, as of the newest day that was run."""
    from recsys_pipelines.algorithm import configured  # noqa: PLC0415
    from recsys_pipelines.tuning.document import TenantWeighing, plan, question  # noqa: PLC0415
    from recsys_pipelines.tuning.folds import folds  # noqa: PLC0415

    shop, tenant = place
    document = tenant.document
    artifacts = configured(document)
    if artifact not in artifacts:
        raise ContractError(
            f"tenant {document.tenant!r} has no algorithm {artifact!r}; its document has {', '.join(artifacts)}"
        )
    days = shop.lake.days("items", document.tenant)
    if not days:
        raise ContractError(f"there is no data of {document.tenant!r} yet: recsys run daily --tenant {document.tenant}")
    asked = question(document, shop.lake, max(days))
    how = plan(document, keep_seen=searching.keep_seen)
    weighs = TenantWeighing(document.interactions)
    return Task(artifact, artifacts[artifact], folds(asked, how, searching.folds, weighs=weighs, seed=searching.seed))


def _teller(console: Console) -> "Callable[[Trial], None]":
    """A line per trial on standard error."""

    def told(trial: "Trial") -> None:
        value = "-" if trial.value is None else f"{trial.value:.4f}"
        what = ", ".join(f"{name} {value}" for name, value in trial.settings.items())
        name = "before" if trial.number == 0 else f"trial {trial.number}"
        console.print(
            f"  {name}: {value} {trial.state} {trial.seconds:.1f} s: {what} {trial.note}".rstrip(), markup=False
        )

    return told


def show(console: Console, found: "Tuned") -> None:
    """The best trials and what to take."""
    table = Table("trial", found.metric, "settings")
    complete = [each for each in found.trials if each.state == "complete"]
    for each in sorted(complete, key=lambda each: (-(each.value or 0), each.number))[:MOST_SHOWN]:
        settings = ", ".join(f"{name} {value}" for name, value in each.settings.items())
        table.add_row("before" if each.number == 0 else str(each.number), f"{each.value:.4f}", settings)
    console.print(table)
    if found.best.number == 0:
        console.print(f"nothing was better than what there is, in {len(found.trials) - 1} trials")
        return
    options = " ".join(f"--set {each}" for each in found.set)
    console.print(
        f"{found.metric} {found.before.value:.4f} -> {found.best.value:.4f} on the folds: {options}", markup=False
    )
