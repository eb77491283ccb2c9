"""`recsys weights`: what events are worth and for how long, and what another choice would change."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from msgspec import UNSET
from rich.console import Console
from rich.table import Table

from data_contracts.errors import InvalidDocument

if TYPE_CHECKING:
    from data_contracts.documents import Interactions
    from recsys_pipelines.weighing import Change, Effect


def weights(
    *,
    tenant: str,
    set: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    set_half_life: str | None = None,
    set_category: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Show the weights of event types and their half-lives, or change them in the tenant's document.

    A change is checked with the whole document and shown as a diff, with what each type is worth in all before and
    after, by the newest data. The document is then written, whole; the next run learns by it. Nothing else changes.

    Parameters
    ----------
    tenant
        The tenant's name.
    set
        TYPE=WEIGHT, such as `purchase=2`; may be repeated.
    set_half_life
        Days after which an event counts half; `none`: it always counts the same.
    set_category
        CATEGORY=DAYS, another half-life for its items; `CATEGORY=default` takes it back; may be repeated.
    dry_run
        Show all that, and write nothing.
    json
        Print {tenant, weights, half_life_days, half_life_by_category, before, after, diff, written}.
    """
    from recsys_pipelines.weighing import effects, proposal, write  # noqa: PLC0415  (Polars: only when asked)
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    found = shop.tenant(tenant)
    change = asked(set, set_half_life, set_category)
    proposed = proposal(found, change)
    before = effects(found.document, found.document.interactions, shop.lake)
    after = effects(found.document, proposed.after.interactions, shop.lake) if proposed.diff else before
    if proposed.diff and not dry_run:
        write(proposed, found)
    told = {
        "tenant": tenant,
        "weights": proposed.after.interactions.weights,
        "half_life_days": proposed.after.interactions.half_life_days,
        "half_life_by_category": proposed.after.interactions.half_life_by_category,
        "before": before,
        "after": after,
        "diff": proposed.diff,
        "written": bool(proposed.diff) and not dry_run,
    }
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n")
        return
    out = Console(soft_wrap=True)
    out.print(proposed.diff or f"{tenant}: {proposed.path}", markup=False, highlight=False)
    out.print(table(proposed.after.interactions, before, after))
    if proposed.diff:
        out.print(
            "nothing is written" if dry_run else f"written: {proposed.path}; the next run learns by it", markup=False
        )


def asked(weights: tuple[str, ...], half_life: str | None, categories: tuple[str, ...]) -> "Change":
    """The change that the options mean. Raises ``InvalidDocument`` that names the option."""
    from recsys_pipelines.weighing import Change  # noqa: PLC0415

    named = (_pair(text, "--set", "purchase=2") for text in weights)
    days = (_pair(text, "--set-category", "audio=14") for text in categories)
    return Change(
        weights={name: _number(value, f"--set {name}") for name, value in named},
        half_life_days=UNSET if half_life is None else _days(half_life, "--set-half-life", "none"),
        half_life_by_category={name: _days(value, f"--set-category {name}", "default") for name, value in days},
    )


def table(settings: "Interactions", before: "list[Effect]", after: "list[Effect]") -> Table:
    """By type: its weight, what its events are worth in all, and their share, now and then."""
    shown = Table("type", "weight", "worth of all its events", "share", title="by the newest data")
    if not before:
        shown.title = "no data yet"
        weights = settings.weights
        for name in weights.__struct_fields__:
            shown.add_row(name, f"{getattr(weights, name):g}", "", "")
    for old, new in zip(before, after, strict=True):
        shown.add_row(
            old.type,
            _then(f"{old.weight:g}", f"{new.weight:g}"),
            _then(f"{old.total:,.2f}", f"{new.total:,.2f}"),
            _then(f"{old.share:.1%}", f"{new.share:.1%}"),
        )
    return shown


def _then(old: str, new: str) -> str:
    return old if old == new else f"{old} -> {new}"


def _pair(text: str, option: str, such_as: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not (name and equals and value):
        raise InvalidDocument(f"{option} {text!r}: write it as {such_as}")
    return name, value


def _days(text: str, option: str, nothing: str) -> float | None:
    return None if text == nothing else _number(text, option)


def _number(text: str, option: str) -> float:
    try:
        return float(msgspec.json.decode(text.encode(), type=float))
    except msgspec.DecodeError as error:
        raise InvalidDocument(f"{option}: {text!r} is no number") from error
