"""Products and their variants: every variant under the root of its family."""

from collections.abc import Mapping
from typing import NamedTuple


class Families(NamedTuple):
    """The root of every item that names a parent, itself included, and the circles that were broken (ids sorted)."""

    root: dict[str, str]
    cycles: tuple[tuple[str, ...], ...]


def families(parent_of: Mapping[str, str]) -> Families:
    """Follow parents to the top, which need not be in the catalog.

    Of items that are each other's parents the first by id is the root; an item that is its own parent has none. Time
    grows with the number of items alone, however deep families are.
    """
    root: dict[str, str] = {}
    cycles = []
    for item in parent_of:
        path: dict[str, int] = {}
        at = item
        while at in parent_of and at not in root and at not in path:
            path[at] = len(path)
            at = parent_of[at]
        top = root.get(at, at)
        if at in path:
            circle = sorted([*path][path[at] :])
            top = circle[0]
            cycles.append(tuple(circle))
        root.update(dict.fromkeys(path, top))
    return Families(root, tuple(sorted(cycles)))
