"""How many items of one kind an answer may hold."""

from collections.abc import Mapping
from typing import NamedTuple

from recsys_algo.catalog import Catalog


class Caps(NamedTuple):
    """The most items of any one brand, of any one category, and of some tags (by their number in the catalog)."""

    brand: int | None
    category: int | None
    tags: Mapping[int, int]


def capped(catalog: Catalog, brand: int | None, category: int | None, tags: Mapping[str, int]) -> Caps | None:
    """The caps for this catalog; None if there are none. A tag that no item has needs no cap."""
    if brand is None and category is None and not tags:
        return None
    words = {catalog.word(tag.lower()): most for tag, most in tags.items()}
    return Caps(brand, category, {word: most for word, most in words.items() if word >= 0})
