"""The incumbent: what a surface serves now, as far as a candidate may be compared with it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from data_contracts.documents import parse
from data_contracts.manifest import Manifest
from recsys_algo.bundle import Bundle
from recsys_algo.loading import LoadFailed, MissingPointer, load, open_generation
from recsys_pipelines.workshop import Workshop


class Incumbent(NamedTuple):
    """The evaluated fit of the current generation; None with the reason where there is nothing to compare with."""

    bundle: Bundle | None
    generation: int | None
    reason: str


def incumbent(shop: Workshop, tenant: str, surface: str, cut: datetime) -> Incumbent:
    """What the candidate has to beat on test days that begin at ``cut``."""
    try:
        current = load(shop.store, tenant, surface, shop.cache)
    except MissingPointer:
        return Incumbent(None, None, "the first generation has no incumbent")
    assert current is not None  # no tag was given that could still be the newest
    manifest = current.manifest
    knew = manifest.window.end - held_out(shop, manifest)
    if not manifest.evaluation.artifacts:
        return Incumbent(None, manifest.generation, f"generation {manifest.generation} has no evaluated fit")
    if knew > cut:
        reason = f"generation {manifest.generation} saw events up to {knew:%Y-%m-%d}, after the test days begin"
        return Incumbent(None, manifest.generation, reason)
    try:
        return Incumbent(open_generation(shop.store, manifest, shop.cache, evaluated=True), manifest.generation, "")
    except LoadFailed as error:
        return Incumbent(None, manifest.generation, f"generation {manifest.generation} cannot be opened: {error}")


def held_out(shop: Workshop, manifest: Manifest) -> timedelta:
    """How many days its evaluated fit did not see, by its own document."""
    document = parse(shop.store.read(manifest.config.uri), manifest.config.uri)
    return timedelta(days=document.evaluation.test_days)
