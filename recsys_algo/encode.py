"""Tables become artifacts: columns in, plain sorted arrays out, the same bytes for the same rows in any order.

Every list is stored best first (by score as float32, then by item id), so that a candidate source is a slice. Rows of
items that the catalog does not have are dropped; a score that is not a finite number, a key given twice or a column
that is missing is a ``ValueError`` that names the artifact and the id.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_contracts.tables import ITEMS, SHAPES, Shape
from recsys_algo.arrays import Array, Arrays, mapped, part, prefixed, written
from recsys_algo.catalog import EPOCH, MICROSECOND, NO_TIME, TEXTS, WORDS
from recsys_algo.lists import ENCODERS, Columns, indptr
from recsys_algo.penalties import PENALTIES, penalty_arrays
from recsys_algo.ranker import LAMBDAMART, SECOND_STAGE, WEIGHTS
from recsys_algo.segments import Segments
from recsys_algo.stringmap import StringMap, packed

SEGMENTS = "users.segments"


class Encoded(NamedTuple):
    """An artifact on disk; ``rows`` counts what was kept of the table."""

    name: str
    kind: str
    shape: str
    rows: int
    files: tuple[Path, ...]
    segment: str = "default"


def encode_catalog(columns: Columns, folder: Path) -> Encoded:
    """The catalog (columns of ``tables.ITEMS``; only ``item_id`` is needed) as the artifact ``items``."""
    ids = list(columns["item_id"])
    items = StringMap.build(ids)
    order = sorted(range(len(ids)), key=ids.__getitem__)
    column = {name: _ordered(columns.get(name), order) for name in ITEMS.names}
    tags = [_tags(*row) for row in zip(column["tags"], column["brand"], column["category"], strict=True)]
    words = StringMap.build(
        {text for name in WORDS for text in column[name] if text} | {t for row in tags for t in row}
    )
    archived = np.array([bool(value) for value in column["archived"]], np.bool_)
    arrays: dict[str, Array] = {
        **prefixed(items.arrays(), "ids"),
        **prefixed(words.arrays(), "words"),
        **{name: words.find_all([text or "" for text in column[name]]) for name in WORDS},
        **_tag_arrays(tags, words),
        **_times([_micros(time) for time in column["created_at"]]),
        **_archived(archived),
        "available": np.array([value is None or bool(value) for value in column["available"]], np.bool_) & ~archived,
        "price_minor": np.array(
            [_price(value, id) for value, id in zip(column["price_minor"], items, strict=True)], np.int64
        ),
        "group": _groups(column["parent_id"], items),
    }
    return Encoded("items", "catalog", "catalog", len(items), written(folder, "items", arrays | _texts(column)))


def encode_table(  # noqa: PLR0917  (what a table is, and where it goes)
    name: str, kind: str, shape: Shape, columns: Columns, items: StringMap, folder: Path
) -> Encoded:
    """One table (columns of ``tables.SHAPES[shape]``) as the artifact ``name``; ``kind`` is what made it."""
    missing = [column for column in SHAPES[shape].names if column not in columns]
    if missing:
        raise ValueError(f"{name}: a table of shape {shape} needs the columns {', '.join(missing)}")
    rows, arrays = ENCODERS[shape](name, columns, items)
    return Encoded(name, kind, shape, rows, written(folder, name, arrays))


def encode_second_stage(surface: str, arrays: Arrays, folder: Path) -> Encoded:
    """What a surface learned (`ranker.weight_arrays` or `ranker.ranker_arrays`) as the artifact ``second_stage.NAME``;
    ``rows`` counts weights or trees.
    """
    kind, rows = (WEIGHTS, arrays["weights"]) if "weights" in arrays else (LAMBDAMART, arrays["leaves"])
    name = f"{SECOND_STAGE}{surface}"
    return Encoded(name, kind, "ranker", len(rows), written(folder, name, arrays))


def encode_segments(
    users: Sequence[str],
    segments: Sequence[str],
    folder: Path,
    *,
    traits: Sequence[str] = (),
    lists: Iterable[str] = (),
) -> Encoded:
    """Each user's segment as the artifact ``users.segments``; with the ``traits`` by which there are ``lists``."""
    arrays = Segments.build(users, segments, traits=traits, lists=lists).arrays()
    return Encoded(SEGMENTS, "segments", "segments", len(users), written(folder, SEGMENTS, arrays))


def encode_penalties(rates: Mapping[str, Mapping[str, float]], items: StringMap, folder: Path) -> Encoded:
    """By kind of bad outcome the rates (0..1) of items by id, as the artifact ``penalties``; ``rows`` counts those of
    items that the catalog has.
    """
    known = {}
    for kind, by_id in rates.items():
        found = zip(items.find_all(list(by_id)).tolist(), by_id.values(), strict=True)
        known[kind] = {item: rate for item, rate in found if item >= 0}
    files = written(folder, PENALTIES, penalty_arrays(known, len(items)))
    return Encoded(PENALTIES, PENALTIES, PENALTIES, sum(map(len, known.values())), files)


def load_items(folder: Path) -> StringMap:
    """The id map of the catalog that was encoded into ``folder``."""
    files = sorted(folder.glob("items.ids.*.npy"))
    return StringMap.from_arrays(part(mapped("items", ((path.name, path) for path in files)), "ids"))


def _ordered(values: Sequence[Any] | None, order: Sequence[int]) -> list[Any]:
    return [None] * len(order) if values is None else [values[place] for place in order]


def _tags(tags: Iterable[str] | None, brand: str | None, category: str | None) -> list[str]:
    own = {tag.lower() for tag in (() if tags is None else tags)}
    return sorted(own | {f"{kind}:{text}".lower() for kind, text in (("brand", brand), ("category", category)) if text})


def _tag_arrays(tags: list[list[str]], words: StringMap) -> dict[str, Array]:
    """The words of each item as a row (``tags``), and the items of each word as a row (``tagged``)."""
    item = np.repeat(np.arange(len(tags), dtype=np.int32), [len(row) for row in tags])
    word = words.find_all([tag for row in tags for tag in row])
    by_word = np.lexsort((item, word))
    return {
        "tags.indptr": indptr(item, len(tags)),
        "tags.indices": word,
        "tagged.indptr": indptr(word, len(words)),
        "tagged.indices": item[by_word],
    }


def _micros(time: Any) -> int:
    if time is None:
        return NO_TIME
    if isinstance(time, np.datetime64):
        return int(time.astype("datetime64[us]").astype(np.int64))  # not-a-time is NO_TIME already
    if time.tzinfo is None:
        raise ValueError(f"items: created_at {time.isoformat()} has no time zone; times are aware")
    return int((time - EPOCH) // MICROSECOND)


def _times(micros: list[int]) -> dict[str, Array]:
    created = np.array(micros, np.int64)
    newest = np.lexsort((np.arange(len(created)), -created))
    return {"created_at": created, "newest": newest[created[newest] != NO_TIME].astype(np.int32)}


def _archived(archived: Array) -> dict[str, Array]:
    """The archived items, if there are any: catalogs without them are stored as they always were."""
    return {"archived": np.flatnonzero(archived).astype(np.int32)} if archived.any() else {}


def _price(value: Any, id: str) -> int:
    if value is None or value != value:  # noqa: PLR0124  (a NaN is a missing price)
        return -1
    if value < 0:
        raise ValueError(f"items: the price_minor of {id!r} is {value}; prices are at least 0")
    return int(value)


def _groups(parents: list[str | None], items: StringMap) -> Array:
    """Variants share their parent's number; an item without a parent is its own, so that a parent is a variant too."""
    keys = [parent or id for parent, id in zip(parents, items, strict=True)]
    number = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([number[key] for key in keys], np.int32)


def _texts(column: Mapping[str, list[str | None]]) -> dict[str, Array]:
    """All texts of all items, column by column, each ended by a zero byte; a missing one is zero bytes long."""
    texts = [text for name in TEXTS for text in column[name]]
    data, offsets = packed([b"" if text is None else text.encode("utf-8", "replace") + b"\0" for text in texts])
    return {"texts.bytes": data, "texts.offsets": offsets}
