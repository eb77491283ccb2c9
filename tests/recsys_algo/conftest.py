"""A shop made of a few rows, as a bundle: what most tests of the ranking core begin with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from data_contracts.documents import Ranking
from data_contracts.tables import SHAPES, Shape
from recsys_algo.arrays import Arrays
from recsys_algo.bundle import Bundle, open_encoded
from recsys_algo.encode import encode_catalog, encode_penalties, encode_second_stage, encode_table, load_items
from recsys_algo.situation import Answer, Query

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SHAPE_OF: dict[str, Shape] = {
    "popularity": "item_scores",
    "trending": "item_scores",
    "cooccurrence": "item_neighbors",
    "lists": "user_items",
    "history": "user_items",
    "als": "vectors",
}

Shop = Callable[..., Bundle]
Ask = Callable[..., Query]


def columns(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as columns; a short row has None where it ends."""
    table = list(rows)
    return {name: [row[place] if place < len(row) else None for row in table] for place, name in enumerate(names)}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """``shop(items, ranking={...}, popularity=[rows], ...)``: items are ids or dicts, tables are rows of their shape.

    A table of another name than those in ``SHAPE_OF`` is a pair of shape and rows; ``seen_purchase`` is
    ``seen.purchase``. Without a ranking, every source has weight 1 and the default rules hold. ``second_stage``
    is the arrays of one, ``penalties`` are rates by kind and item.
    """

    def opened(
        items: Iterable[str | Mapping[str, Any]],
        ranking: Mapping[str, Any] | None = None,
        second_stage: Arrays | None = None,
        penalties: Mapping[str, Mapping[str, float]] | None = None,
        **tables: Any,
    ) -> Bundle:
        rows = [{"item_id": item} if isinstance(item, str) else item for item in items]
        keys = {key for row in rows for key in row} | {"item_id"}
        catalog = {key: [row.get(key) for row in rows] for key in keys}
        encoded = [encode_catalog(catalog, tmp_path)]
        ids = load_items(tmp_path)
        for key, table in tables.items():
            name = key.replace("seen_", "seen.")
            shape, content = table if isinstance(table, tuple) else (SHAPE_OF.get(key, "user_items"), table)
            encoded.append(encode_table(name, key, shape, columns(SHAPES[shape].names, content), ids, tmp_path))
        if second_stage:
            encoded.append(encode_second_stage("home", second_stage, tmp_path))
        if penalties:
            encoded.append(encode_penalties(penalties, ids, tmp_path))
        weights = {key: 1.0 for key in tables if key != "history" and not key.startswith("seen_")}
        settings = {"weights": weights} | dict(ranking or {})
        return open_encoded("demo", "home", encoded, msgspec.convert(settings, Ranking), NOW)

    return opened


@pytest.fixture
def ask() -> Ask:
    """``ask(k=3, ...)``: a query at the tests' clock."""

    def query(**asked: Any) -> Query:
        return Query(**({"k": 10, "now": NOW} | asked))

    return query


@pytest.fixture
def ids() -> Callable[[Answer], list[str]]:
    """The ids of an answer, in order."""
    return lambda answer: [item.item_id for item in answer.items]
