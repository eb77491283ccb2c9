"""Adding up by item in time that depends on the entries alone, not on the size of the catalog."""

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
        """For each wanted item the largest of its numbers (which are not negative); 0 if it has none."""
        row = self._row()
        np.maximum.at(row, items, numbers)
        largest: Keys = row[wanted]
        row[items] = 0
        self._rows.append(row)
        return largest

    def _row(self) -> Keys:
        try:
            return self._rows.pop()
        except IndexError:
            return np.zeros(self._count, np.int64)
