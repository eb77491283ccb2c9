"""`recsys explain`: why a user gets these items, and why another one is not among them."""

import os
import sys
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table


def explain(  # noqa: PLR0913  (the options of one question)
    *,
    tenant: str,
    user: str,
    surface: str | None = None,
    item: str | None = None,
    k: int = 10,
    at: datetime | None = None,
    json: bool = False,
) -> None:
    """Answer as the server would, from what is published now, and say where each item comes from.

    Parameters
    ----------
    tenant
        The tenant's name.
    user
        The user to answer for; an unknown one gets what unknown users get.
    surface
        The surface; default: the tenant's default surface.
    item
        Also say at which stage this item dropped out, or that it made it.
    k
        How many items.
    at
        The moment to answer for (ISO 8601); default: now.
    json
        Print one JSON object.
    """
    from recsys_algo.loading import load  # noqa: PLC0415  (numpy: only when asked)
    from recsys_algo.rank import recommend  # noqa: PLC0415
    from recsys_algo.situation import Query  # noqa: PLC0415
    from recsys_algo.trace import why_not  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    place = surface or shop.tenant(tenant).document.default_surface
    loaded = load(shop.store, tenant, place, shop.cache)
    assert loaded is not None  # no tag was given that could still be the newest
    bundle = loaded.bundle
    moment = (at or shop.now()).astimezone(UTC)
    answer = recommend(bundle, Query(k=k, now=moment, user_id=user))
    verdict = why_not(answer, bundle, item) if item else None
    if json:
        body = {
            "tenant": tenant,
            "surface": place,
            "generation": bundle.generation,
            "user": user,
            "at": moment,
            "fallback_level": answer.fallback_level,
            "items": [
                {"item_id": i.item_id, "rank": i.rank, "score": i.score, "source": i.source, "reasons": i.reasons}
                | {"signals": dict(i.signals)}
                for i in answer.items
            ],
            "counts": dict(answer.counts),
            "why_not": verdict._asdict() if verdict else None,
        }
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n")
        return
    table = Table(
        "rank", "item", "score", "source", "reasons", title=f"{tenant}/{place} generation {bundle.generation}"
    )
    for ranked in answer.items:
        table.add_row(str(ranked.rank), ranked.item_id, f"{ranked.score:.4f}", ranked.source, ", ".join(ranked.reasons))
    Console().print(table)
    if verdict is not None:
        Console().print(f"{verdict.item_id}: {verdict.verdict} ({verdict.detail})", markup=False)
