"""A judged candidate becomes a release: tracked as a version, published, and the aliases moved after the pointer."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from data_contracts.generations import read_manifest
from data_contracts.manifest import Lineage, canonical
from data_contracts.signature import signing_key
from recsys_pipelines.algorithm import configured
from recsys_pipelines.candidate import Arrays, candidate, config_hash, serving
from recsys_pipelines.decisions import Judgement, Outcome, Outcomes, decided
from recsys_pipelines.publish import Candidate, publish
from recsys_pipelines.tenants import Tenant
from recsys_pipelines.tracking import (
    Followed,
    Ledger,
    Tracked,
    TrackedRun,
    TrackingFailed,
    move_aliases,
    params_of,
    track,
)
from recsys_pipelines.training import window
from recsys_pipelines.workshop import Workshop

REPORTS = ("report.html", "report.json", "report.md", "quality.html")


@dataclass(frozen=True)
class Release:
    """One candidate on its way out."""

    shop: Workshop
    tenant: Tenant
    day: date
    arrays: Arrays
    report: Path
    dagster_run: str

    @property
    def ledger(self) -> Ledger:
        """Where this installation tracks."""
        return Ledger.from_environ(self.shop.environ, self.shop.locations.mlflow)


def release_day(shop: Workshop, name: str, day: date, *, dagster_run: str = "") -> Outcomes:
    """Publish what was decided about the day, surface by surface; what is served already stays.

    Raises ``NotDecided`` if the candidate is not the one that was judged, ``PublishRefused`` if it was not let through.
    """
    tenant = shop.tenant(name)
    with candidate(tenant, shop.lake, day) as arrays:
        judgements = decided(shop.lake, name, day, arrays.fingerprint)
        release = Release(shop, tenant, day, arrays, Path(judgements.report), dagster_run)
        outcomes = Outcomes(surfaces=tuple(released(release, each) for each in judgements.surfaces))
    shop.lake.write_json("outcomes", name, day, outcomes)
    return outcomes


def released(release: Release, judgement: Judgement) -> Outcome:
    """Track, publish, and move the aliases of one surface; trouble with the ledger is told, and stops nothing."""
    tracked, trouble = tracked_or_not(release, judgement)
    shop, document = release.shop, release.tenant.document
    published = publish(
        Candidate(
            tenant=document.tenant,
            surface=judgement.surface,
            window=window(document, release.day),
            document=canonical(document),
            artifacts=serving(release.arrays.served, judgement),
            evaluated=serving(release.arrays.evaluated, judgement),
            lineage=lineage(release, tracked),
            decision=judgement.decision,
            reason=judgement.reason,
            metrics=judgement.metrics,
            baseline_generation=judgement.baseline_generation,
        ),
        shop.store,
        now=shop.now(),
        by=getpass.getuser(),
        keep=document.keep_generations,
        signing=signing_key(shop.environ),
    )
    followed = Followed(False, trouble) if trouble else move_aliases(published.manifest, release.ledger)
    return Outcome(
        surface=judgement.surface,
        generation=published.generation,
        unchanged=published.unchanged,
        model_version=f"{tracked.model_name}/{tracked.version}" if tracked else "",
        note="" if followed.moved else followed.note,
    )


def tracked_or_not(release: Release, judgement: Judgement) -> tuple[Tracked | None, str]:
    """The version in the ledger, or why there is none."""
    tenant = release.tenant.document
    run = TrackedRun(
        tenant=tenant.tenant,
        surface=judgement.surface,
        key=release.arrays.fingerprint,
        at=window(tenant, release.day).end,
        params=params_of(configured(tenant)),
        metrics=judgement.metrics,
        tags=tags(release),
        reports=tuple(path for name in REPORTS if (path := release.report / name).exists()),
    )
    try:
        return track(run, release.ledger), ""
    except TrackingFailed as error:
        return None, str(error)


def tags(release: Release) -> Mapping[str, str]:
    """From which run, data and settings the version came."""
    return {
        "dagster/run_id": release.dagster_run,
        "data_fingerprint": release.arrays.data_fingerprint,
        "config_hash": config_hash(release.tenant.document),
        "git_sha": release.shop.environ.get("RECSYS_GIT_SHA", ""),
    }


def lineage(release: Release, tracked: Tracked | None) -> Lineage:
    """The same, for the manifest."""
    return Lineage(
        data_fingerprint=release.arrays.data_fingerprint,
        config_hash=config_hash(release.tenant.document),
        git_sha=release.shop.environ.get("RECSYS_GIT_SHA", ""),
        dagster_run_id=release.dagster_run,
        mlflow_run_id=tracked.run_id if tracked else "",
        model_name=tracked.model_name if tracked else "",
        model_version=tracked.version if tracked else "",
    )


def follow(shop: Workshop, tenant: str, surface: str, generation: int) -> Followed:
    """Move the aliases to where a rollback has moved the pointer."""
    manifest = read_manifest(shop.store, tenant, surface, generation)
    return move_aliases(manifest, Ledger.from_environ(shop.environ, shop.locations.mlflow))
