"""What events are worth and for how long: viewed, and changed in a tenant's document, with the effect on training.

Only the part ``interactions`` of the document is written anew; everything else stays as its author wrote it.
"""

import difflib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from data_contracts.documents import EventWeights, Interactions, TenantDocument, parse
from data_contracts.errors import InvalidDocument
from data_contracts.files import appearing
from recsys_pipelines.identity import read_known
from recsys_pipelines.interactions import interactions
from recsys_pipelines.lake import Lake
from recsys_pipelines.quality.names import require_known
from recsys_pipelines.tenants import Tenant
from recsys_pipelines.training import events_before, until

TYPES = EventWeights.__struct_fields__
_DECODER = json.JSONDecoder()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different. ``half_life_days`` None is no decay; a category's None is the common half-life again."""

    weights: Mapping[str, float] = {}
    half_life_days: float | UnsetType | None = UNSET
    half_life_by_category: Mapping[str, float | None] = {}

    def __bool__(self) -> bool:
        return bool(self.weights or self.half_life_by_category) or self.half_life_days is not UNSET


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one type are worth in all, and what share of everything that is learned from."""

    type: str
    weight: float
    total: float
    share: float


class Proposal(NamedTuple):
    """A document with the change, not written yet."""

    path: Path
    body: bytes
    before: TenantDocument
    after: TenantDocument
    diff: str


def proposal(tenant: Tenant, change: Change) -> Proposal:
    """The tenant's document with the change, checked as a whole. Raises ``InvalidDocument``."""
    if unknown := sorted(set(change.weights) - set(TYPES)):
        raise InvalidDocument(f"there is no event type {unknown[0]!r}; the types are {', '.join(TYPES)}")
    path = path_of(tenant)
    body = edited(tenant.body.decode(), change).encode() if change else tenant.body
    after = parse(body, str(path))
    require_known(after)
    if not any(msgspec.structs.astuple(after.interactions.weights)):
        raise InvalidDocument(f"{path}: with every weight 0 nothing would be learned")
    return Proposal(path, body, tenant.document, after, _diff(tenant.body, body, path.name))


def write(proposal: Proposal, tenant: Tenant) -> None:
    """Put the document in its place, whole. Raises ``InvalidDocument`` if somebody changed it meanwhile."""
    if proposal.path.read_bytes() != tenant.body:
        raise InvalidDocument(f"{proposal.path} was changed since it was read; look again")
    with appearing(proposal.path) as file:
        file.write(proposal.body)


def path_of(tenant: Tenant) -> Path:
    """The file that the tenant's document was read from."""
    for path in (tenant.folder / "tenant.json", *sorted(tenant.folder.glob("*.json"))):
        if path.is_file() and path.read_bytes() == tenant.body:
            return path
    raise InvalidDocument(f"the document of {tenant.document.tenant} in {tenant.folder} was changed since it was read")


def edited(text: str, change: Change) -> str:
    """The document's text with another ``interactions``."""
    start, end, found = _place_of(text, "interactions")
    new = dict(found or {})
    if change.weights:
        new["weights"] = {**new.get("weights", {}), **change.weights}
    if change.half_life_days is not UNSET:
        new["half_life_days"] = change.half_life_days
    if change.half_life_by_category:
        of_category = {**new.get("half_life_by_category", {}), **change.half_life_by_category}
        new["half_life_by_category"] = {name: days for name, days in of_category.items() if days is not None}
    lines = ",\n".join(f"    {_json(name)}: {_json(value)}" for name, value in new.items())
    written = f"{{\n{lines}\n  }}"
    return text[:start] + (written if found is not None else f',\n  "interactions": {written}\n') + text[end:]


def effects(document: TenantDocument, settings: Interactions, lake: Lake) -> list[Effect]:
    """By type, from the newest day of the lake; empty before there is one.

    Weighs as training does, one type at a time: costs as much as the interactions of five days' runs.
    """
    days = lake.days("items", document.tenant)
    if not days:
        return []
    totals = {name: _total(document, _only(settings, name), lake, days[-1]) for name in TYPES}
    everything = sum(totals.values())
    return [
        Effect(
            type=name,
            weight=getattr(settings.weights, name),
            total=round(total, 6),
            share=round(total / everything, 6) if everything else 0.0,
        )
        for name, total in totals.items()
    ]


def _total(document: TenantDocument, settings: Interactions, lake: Lake, day: date) -> float:
    if not any(msgspec.structs.astuple(settings.weights)):
        return 0.0
    pairs = interactions(
        events_before(document, lake, day, "served"),
        settings,
        now=until(document, day, "served"),
        catalog=lake.read("items", document.tenant, day),
        known=read_known(lake, document.tenant, day),
    )
    return float(pairs["weight"].sum())


def _only(settings: Interactions, name: str) -> Interactions:
    """The settings where events of one type alone weigh anything."""
    alone = {each: getattr(settings.weights, each) if each == name else 0.0 for each in TYPES}
    return msgspec.structs.replace(settings, weights=EventWeights(**alone))


def _place_of(text: str, wanted: str) -> tuple[int, int, dict[str, Any] | None]:
    """From where to where the value of a key of the outermost object stands; else the end of the last value, twice."""
    at = last = text.index("{") + 1
    while text[at := _after(text, at, ",")] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _after(text, at, ":")
        value, at = _DECODER.raw_decode(text, start)
        last = at
        if key == wanted:
            return start, at, value
    return last, at, None


def _after(text: str, at: int, mark: str) -> int:
    """Behind blanks and that mark."""
    while text[at] in f" \t\r\n{mark}":
        at += 1
    return at


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _diff(before: bytes, after: bytes, name: str) -> str:
    old, new = before.decode().splitlines(), after.decode().splitlines()
    return "\n".join(difflib.unified_diff(old, new, f"{name} (now)", f"{name} (then)", lineterm="", n=1))
