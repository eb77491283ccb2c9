"""The catalog in memory: for every item what filters, caps and pages ask, in arrays indexed by item.

Brands, categories, currencies, parents and tags are numbers of one common vocabulary, ``words``; -1 is none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

import numpy as np

from recsys_algo.arrays import Array, Arrays, array, part, places_of
from recsys_algo.errors import BadArtifact
from recsys_algo.slate import NO_ITEMS, Items, Mask
from recsys_algo.stringmap import StringMap
from recsys_algo.tally import Tally

TEXTS = ("title", "description", "url", "image_url")
WORDS = ("brand", "category", "currency", "parent_id")
COLUMNS = (
    *("item_id", "title", "description", "brand", "category", "price_minor", "currency", "available"),
    *("parent_id", "created_at", "tags", "url", "image_url"),
)
NO_TIME = np.iinfo(np.int64).min
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, eq=False, repr=False)
class Catalog:
    """The items of a generation. ``group`` numbers the parents: variants of one product share a number.

    ``newest`` holds the items with a creation time, newest first; ``created_at`` is in microseconds since 1970.
    """

    ids: StringMap
    words: StringMap
    arrays: Arrays
    available: Mask
    group: Items
    brand: Items
    category: Items
    price_minor: Array
    currency: Items
    created_at: Array
    newest: Items
    all_available: bool
    has_variants: bool

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """The catalog stored as these arrays. Raises ``BadArtifact`` if one is missing or of another length."""
        ids = StringMap.from_arrays(part(arrays, "ids"))
        columns = {name: array(arrays, name) for name in PER_ITEM}
        for name, column in columns.items():
            if len(column) != len(ids):
                raise BadArtifact(f"the catalog has {len(ids)} items, but {len(column)} entries of {name!r}")
        return cls(
            ids=ids,
            words=StringMap.from_arrays(part(arrays, "words")),
            arrays=arrays,
            newest=array(arrays, "newest"),
            all_available=bool(columns["available"].all()),
            has_variants=int(columns["group"].max(initial=-1)) + 1 < len(ids),
            **{name: columns[name] for name in PER_ITEM if name != "parent_id"},
        )

    @cached_property
    def newest_times(self) -> Array:
        """When the items of ``newest`` were created."""
        return self.created_at[self.newest]

    @cached_property
    def tally(self) -> Tally:
        """Where requests add up by item."""
        return Tally(len(self))

    def __repr__(self) -> str:
        return f"Catalog({len(self)} items)"

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _names(self) -> list[str | None]:
        return [None] * len(self)

    def names(self, items: Sequence[int]) -> list[str]:
        """The ids of these items; those that were asked for once are kept, as most answers name the same few."""
        names = self._names
        for item in items:
            if names[item] is None:
                names[item] = self.ids[item]
        return [names[item] for item in items]  # type: ignore[misc]  # filled just now

    def word(self, text: str) -> int:
        """The number of a brand, category, currency, parent or tag; -1 if no item has it."""
        return self.words.find(text)

    def tags(self, index: int) -> Items:
        """The numbers of the item's tags, its `brand:...` and `category:...` among them."""
        begin, end = self.arrays["tags.indptr"][index : index + 2]
        found: Items = self.arrays["tags.indices"][begin:end]
        return found

    def tag_matrix(self, items: Items) -> Array:
        """One row per item, one column per tag that any of them has: 1 where the item has the tag, otherwise 0."""
        places, lengths = places_of(self.arrays["tags.indptr"], items)
        tags, column = np.unique(self.arrays["tags.indices"][places], return_inverse=True)
        matrix = np.zeros((len(items), len(tags)), np.float32)
        matrix[np.arange(len(items)).repeat(lengths), column] = 1
        return matrix

    def tagged(self, tag: str) -> Items:
        """The items that have the tag, by index."""
        word = self.word(tag.lower())
        begin, end = self.arrays["tagged.indptr"][word : word + 2] if word >= 0 else (0, 0)
        found: Items = self.arrays["tagged.indices"][begin:end]
        return found

    def mask(self, items: Items, others: Mask | None = None) -> Mask:
        """True for these items, and where ``others`` is (which it may change)."""
        mask = np.zeros(len(self), np.bool_) if others is None else others
        mask[items.astype(np.int64, copy=False)] = True
        return mask

    @property
    def archived(self) -> Items:
        """The items that left the catalog and are never shown, though they may be asked about."""
        return self.arrays.get("archived", NO_ITEMS)  # not written where there are none

    def mask_of_ids(self, ids: Sequence[str], others: Items = NO_ITEMS) -> Mask | None:
        """True for the items of these ids and for the ``others``; None if there are none in the catalog."""
        items = self.ids.find_all(ids)
        known = np.concatenate([items[items >= 0], others])
        return self.mask(known) if len(known) else None

    def any_tagged(self, tags: Iterable[str]) -> Mask:
        """True for the items that have at least one of the tags."""
        mask = np.zeros(len(self), np.bool_)
        for tag in tags:
            mask[self.tagged(tag)] = True
        return mask

    def describe(self, index: int, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
        """What the catalog says about one item; None where it says nothing. Times are RFC 3339, tags sorted."""
        return {name: self._value(name, index) for name in columns}

    def _value(self, name: str, index: int) -> Any:
        if name in TEXTS:
            return self._text(TEXTS.index(name) * len(self) + index)
        match name:
            case "item_id":
                return self.ids[index]
            case "tags":
                return self.words.take(self.tags(index).tolist())
            case "available":
                return bool(self.available[index])
            case "created_at":
                micros = int(self.created_at[index])
                return None if micros == NO_TIME else (EPOCH + micros * MICROSECOND).isoformat().replace("+00:00", "Z")
        number = int(self.arrays[name][index])
        return None if number < 0 else number if name == "price_minor" else self.words[number]

    def _text(self, place: int) -> str | None:
        begin, end = self.arrays["texts.offsets"][place : place + 2]
        # Every stored text ends with a zero byte; one that is missing has no bytes at all.
        return bytes(self.arrays["texts.bytes"][begin : end - 1]).decode() if end > begin else None


PER_ITEM = ("available", "group", "brand", "category", "currency", "parent_id", "price_minor", "created_at")
