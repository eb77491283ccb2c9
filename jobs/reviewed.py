"""What becomes of a tuning of a tenant: every trial in MLflow, and a change of the document to be reviewed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from data_contracts.errors import ContractError

if TYPE_CHECKING:
    from recsys_pipelines.tenants import Tenant
    from recsys_pipelines.tuning.record import Trial, Tuned
    from recsys_pipelines.workshop import Workshop


def logged(
    told: "Callable[[Trial], None]", place: "tuple[Workshop, Tenant]", study: str, *, metric: str, console: Console
) -> "Callable[[Trial], None]":
    """The same, with every trial also in MLflow; what MLflow refuses is said, and the search goes on."""
    from recsys_pipelines.tracking import Ledger, TrackedRun, TrackingFailed, track_trial  # noqa: PLC0415

    shop, tenant = place
    ledger = Ledger.from_environ(shop.environ, shop.locations.mlflow)

    def both(trial: "Trial") -> None:
        told(trial)
        values = {} if trial.value is None else {metric: trial.value, "seconds": trial.seconds}
        run = TrackedRun(
            tenant=tenant.document.tenant,
            surface="tuning",
            key=f"{study}/{trial.number}",
            at=shop.now(),
            params=trial.settings,
            metrics=values | {f"{metric}.fold{n}": value for n, value in enumerate(trial.values, 1)},
            tags={"study": study, "trial": str(trial.number), "state": trial.state},
        )
        try:
            track_trial(run, ledger)
        except TrackingFailed as trouble:
            console.print(f"warning: trial {trial.number} is not in MLflow: {trouble}", markup=False)

    return both


def hand_over(place: "tuple[Workshop, Tenant]", found: "Tuned", *, apply: bool) -> None:
    """The change of the tenant's document as a file, and as a diff on standard output; only then, perhaps, made."""
    from data_contracts.documents import parse  # noqa: PLC0415
    from recsys_pipelines.tuning.document import difference, patch, patched  # noqa: PLC0415

    shop, tenant = place
    if found.best.number == 0:
        return
    change = patch(found.artifact, found.best.settings)
    after = patched(tenant.body, change)
    folder = shop.locations.home / "tuning" / tenant.document.tenant
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.artifact}.patch.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(change), indent=2) + b"\n")
    console = Console(highlight=False, soft_wrap=True)
    console.print(difference(tenant.body, after, "tenant.json"), markup=False, end="")
    console.print(f"the change, to be reviewed: {path}", markup=False)
    if apply:
        document = document_path(tenant)
        parse(after, str(document))
        document.write_bytes(after)
        console.print(f"changed {document}", markup=False)


def document_path(tenant: "Tenant") -> Path:
    """The file that the document was read from."""
    names = ("tenant.json", f"{tenant.document.tenant}.json")
    found = [tenant.folder / name for name in names if (tenant.folder / name).exists()]
    same = [path for path in found if path.read_bytes() == tenant.body]
    if not same:
        raise ContractError(
            f"the document of {tenant.document.tenant!r} in {tenant.folder} changed meanwhile; try again"
        )
    return same[0]
