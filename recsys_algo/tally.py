"""Adding up by item in time that depends on the entries alone, not on the size of the catalog."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from recsys_algo.slate import Items, Keys


class Tally:
    """A row of zeros as long as the catalog, which is lent to one caller at a time and comes back as zeros.

    Clearing only what was touched is what makes it independent of the catalog's size; two threads get two rows.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._rows: list[Keys] = []

    def totals(self, items: Items, numbers: Keys) -> Keys:
        """For each entry the sum of the numbers of all entries of its item."""
        row = self._row()
        np.add.at(row, items, numbers)
        totals: Keys = row[items]
        row[items] = 0
        self._rows.append(row)
        return totals

    def largest(self, items: Items, numbers: Keys, wanted: Items) -> Keys:
        """For each wanted item, all of them distinct, the largest of its numbers; 0 if it has none above that."""
        row = self._row()
        row[wanted] = np.arange(1, len(wanted) + 1)
        places = row[items]
        row[wanted] = 0
        self._rows.append(row)
        entries = places.nonzero()[0]
        largest = np.zeros(len(wanted) + 1, np.int64)
        np.maximum.at(largest, places[entries], numbers[entries])
        return largest[1:]

    @contextmanager
    def places(self, wanted: Items) -> Iterator[Keys]:
        """Lends a row that holds the place of each wanted item (distinct, from 1), and 0 for all others."""
        row = self._row()
        row[wanted] = np.arange(1, len(wanted) + 1)
        try:
            yield row
        finally:
            row[wanted] = 0
            self._rows.append(row)

    def _row(self) -> Keys:
        try:
            return self._rows.pop()
        except IndexError:
            return np.zeros(self._count, np.int64)
