"""How an answer of the ranking core is shown: places, explanations, catalog columns, trace."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from recsys_algo.bundle import Bundle
from recsys_algo.situation import Answer, RankedItem
from recsys_algo.trace import summary
from serving.requests import Column, Options
from serving.responses import Explained, Notice, Place, Traced


def places(answer: Answer, bundle: Bundle, options: Options) -> list[Place]:
    """The list, with as much about each item as was asked for."""
    if options.explain == "none" and not options.include_item and not options.include_reasons:
        return [Place(item.item_id, item.rank, item.score, item.source) for item in answer.items]
    columns = _columns(options.include_item)
    return [
        Place(
            item.item_id,
            item.rank,
            item.score,
            item.source,
            reasons=item.reasons if options.include_reasons else (),
            explain=_explained(item, options.explain),
            item=bundle.catalog.describe(item.index, columns) if columns else UNSET,
        )
        for item in answer.items
    ]


def notices(answer: Answer) -> tuple[Notice, ...]:
    """The warnings of the core."""
    return tuple(Notice(code=warning.code, detail=warning.detail) for warning in answer.warnings)


def traced(answer: Answer) -> Traced:
    """What the sources proposed and what each stage dropped."""
    return msgspec.convert(summary(answer), Traced)


def _explained(item: RankedItem, how: Literal["none", "summary", "full"]) -> Explained | UnsetType:
    if how == "none":
        return UNSET
    signals = item.signals
    if how == "summary":
        return Explained(signals=signals)
    total = sum(signals.values())
    contributions = {name: round(points / total, 6) if total else 0.0 for name, points in signals.items()}
    return Explained(signals=signals, contributions=contributions, rules=(), propensity=1.0)


def _columns(asked: Sequence[Column]) -> tuple[str, ...]:
    """`price` is the amount in minor units with its currency: neither means anything without the other."""
    columns = (part for name in asked for part in (("price_minor", "currency") if name == "price" else (name,)))
    return tuple(dict.fromkeys(columns))
