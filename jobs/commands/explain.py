"""`recsys explain`: why a user gets these items, and why another one is not among them."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from recsys_algo.situation import Query, RankedItem
    from recsys_pipelines.workshop import Workshop


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
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415  (Polars: only when asked)

    shop = Workshop(dict(os.environ))
    place = surface or shop.tenant(tenant).document.default_surface
    told = explanation(shop, (tenant, place), asked_by(user, k, at or shop.now()), item)
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n")
    else:
        show(told)


def asked_by(user: str, k: int, at: datetime) -> "Query":
    """The question; a time without an offset is that of this machine."""
    from recsys_algo.situation import Query  # noqa: PLC0415  (numpy: only when asked)

    return Query(k=k, now=at.astimezone(UTC), user_id=user)


def explanation(shop: "Workshop", place: tuple[str, str], query: "Query", item: str | None) -> dict[str, Any]:
    """The answer of what is served at a tenant's surface, with reasons; and what became of ``item``."""
    from recsys_algo.loading import load  # noqa: PLC0415  (numpy: only when asked)
    from recsys_algo.rank import recommend  # noqa: PLC0415
    from recsys_algo.trace import why_not  # noqa: PLC0415

    loaded = load(shop.store, *place, shop.cache)
    assert loaded is not None  # no tag was given that could still be the newest
    answer = recommend(loaded.bundle, query)
    return {
        "tenant": place[0],
        "surface": place[1],
        "generation": loaded.bundle.generation,
        "user": query.user_id,
        "segment": answer.trace.situation.ask.segment,
        "at": query.now,
        "second_stage": loaded.bundle.second_stage,
        "fallback_level": answer.fallback_level,
        "items": [described(ranked) for ranked in answer.items],
        "counts": dict(answer.counts),
        "why_not": why_not(answer, loaded.bundle, item)._asdict() if item else None,
    }


def described(ranked: "RankedItem") -> dict[str, Any]:
    """One place of the answer."""
    names = ("item_id", "rank", "score", "source", "reasons")
    return {name: getattr(ranked, name) for name in names} | {"signals": dict(ranked.signals)}


def show(told: dict[str, Any]) -> None:
    """The explanation as a table, and a line about the item that was asked for."""
    stage = f", second stage: {told['second_stage']}" if told["second_stage"] else ""
    segment = f", segment {told['segment']}" if told["segment"] != "default" else ""
    title = f"{told['tenant']}/{told['surface']} generation {told['generation']}{stage}{segment}"
    table = Table("rank", "item", "score", "source", "reasons", title=title)
    for item in told["items"]:
        reasons = ", ".join(item["reasons"])
        table.add_row(str(item["rank"]), item["item_id"], f"{item['score']:.4f}", item["source"], reasons)
    Console().print(table)
    if fate := told["why_not"]:
        Console().print(f"{fate['item_id']}: {fate['verdict']} ({fate['detail']})", markup=False)
