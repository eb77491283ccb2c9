"""A static map between string ids and the integers 0..n-1, made of plain arrays that can be memory-mapped.

The index order is the sorted order of the ids (by UTF-8 bytes, which is Python's own order of strings), so that
comparing indices compares ids. A lookup hashes the id with CRC-32, looks into one bucket and compares bytes: it is
exact, allocates nothing that stays, and builds no dictionary.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys_algo.errors import BadArtifact

Int32s = NDArray[np.int32]
ARRAYS = ("bytes", "offsets", "buckets", "order")
FEW = 64  # ids that are found faster one by one


class StringMap(Sequence[str]):
    """``find`` gives the index of an id, ``[]`` the id of an index."""

    __slots__ = ("_arrays", "_buckets", "_bytes", "_mask", "_offsets", "_order", "_size")

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = {name: np.asarray(arrays[name]) for name in ARRAYS}
        # A memoryview yields one element four times as fast as an array does.
        self._bytes, self._offsets, self._buckets, self._order = (self._arrays[name].data for name in ARRAYS)
        self._size = len(self._order)
        self._mask = len(self._buckets) - 2

    @classmethod
    def build(cls, ids: Iterable[str]) -> Self:
        """The map of these ids, in any order. Raises ``ValueError`` that names an id given twice."""
        ordered = sorted(ids)
        for left, right in pairwise(ordered):
            if left == right:
                raise ValueError(f"the id {left!r} is given twice; ids of a map are unique")
        encoded = _encoded(ordered)
        data, offsets = packed(encoded)
        buckets, order = _bucketed(_hashes(encoded))
        return cls({"bytes": data, "offsets": offsets, "buckets": buckets, "order": order})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The map stored as ``arrays``; nothing is copied. Raises ``BadArtifact`` if they do not fit together."""
        missing = [name for name in ARRAYS if name not in arrays]
        if missing:
            raise BadArtifact(f"a string map needs the arrays {', '.join(ARRAYS)}; missing: {', '.join(missing)}")
        size, buckets = len(arrays["order"]), len(arrays["buckets"]) - 1
        whole = len(arrays["offsets"]) == size + 1 and int(arrays["offsets"][-1]) == len(arrays["bytes"])
        if not whole or buckets < 1 or buckets & (buckets - 1):
            raise BadArtifact(f"the arrays of a string map of {size} ids do not fit together")
        return cls(arrays)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What ``from_arrays`` takes: ``bytes``, ``offsets`` (where each id begins), ``buckets`` and ``order``."""
        return dict(self._arrays)

    def __len__(self) -> int:
        return self._size

    def find(self, id: str) -> int:
        """The index of ``id``, or -1."""
        encoded = id.encode("utf-8", "surrogatepass")
        bucket = zlib.crc32(encoded) & self._mask
        offsets = self._offsets
        for place in range(self._buckets[bucket], self._buckets[bucket + 1]):
            index = self._order[place]
            if self._bytes[offsets[index] : offsets[index + 1]] == encoded:
                return index
        return -1

    def find_all(self, ids: Sequence[str]) -> Int32s:
        """The index of each id, -1 where it is unknown; thousands at once cost far less than as many ``find``."""
        if len(ids) < FEW:
            return np.array([self.find(id) for id in ids], np.int32)
        encoded = _encoded(ids)
        data, offsets = packed(encoded)
        bucket = _hashes(encoded) & self._mask
        buckets, order = self._arrays["buckets"], self._arrays["order"]
        place, end = buckets[bucket].astype(np.int64), buckets[bucket + 1]
        found = np.full(len(offsets) - 1, -1, np.int32)
        open_ = np.flatnonzero(place < end)
        while len(open_):
            index = order[place[open_]]
            same = _equal((data, offsets, open_), (self._arrays["bytes"], self._arrays["offsets"], index))
            found[open_[same]] = index[same]
            place[open_] += 1
            open_ = open_[~same & (place[open_] < end[open_])]
        return found

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(range(*index.indices(self._size)))
        place = index + self._size if index < 0 else index
        if not 0 <= place < self._size:
            raise IndexError(f"index {index} is outside a map of {self._size} ids")
        return str(self._bytes[self._offsets[place] : self._offsets[place + 1]], "utf-8", "surrogatepass")

    def take(self, indices: Iterable[int]) -> list[str]:
        """The ids of these indices, in their order."""
        data, offsets = self._bytes, self._offsets
        return [str(data[offsets[i] : offsets[i + 1]], "utf-8", "surrogatepass") for i in indices]

    def __iter__(self) -> Iterator[str]:
        return iter(self.take(range(self._size)))

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.find(id) >= 0


def packed(encoded: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All texts in one row of bytes, and where each begins; one more offset says where the last one ends."""
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _encoded(texts: Sequence[str]) -> list[bytes]:
    try:
        return list(map(str.encode, texts))
    except UnicodeEncodeError:  # half of a surrogate pair: not text, but no reason to fail either
        return [text.encode("utf-8", "surrogatepass") for text in texts]


def _hashes(encoded: Sequence[bytes]) -> NDArray[np.int64]:
    return np.fromiter(map(zlib.crc32, encoded), np.int64, len(encoded))


def _bucketed(hashes: NDArray[np.int64]) -> tuple[Int32s, Int32s]:
    count = 1 << max(len(hashes) - 1, 0).bit_length()
    bucket = hashes & (count - 1)
    starts = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(bucket, minlength=count), out=starts[1:])
    return starts, np.argsort(bucket, kind="stable").astype(np.int32)


Slices = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[Any]]


def _equal(left: Slices, right: Slices) -> NDArray[np.bool_]:
    """Whether the texts at the given indices are the same, byte by byte."""
    (data, offsets, mine), (other, other_offsets, theirs) = left, right
    begin, other_begin = offsets[mine], other_offsets[theirs]
    lengths = offsets[mine + 1] - begin
    same: NDArray[np.bool_] = lengths == other_offsets[theirs + 1] - other_begin
    rows = np.flatnonzero(same)
    length = lengths[rows]
    row = np.repeat(rows, length)
    step = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    differs = data[begin[row] + step] != other[other_begin[row] + step]
    same[row[differs]] = False
    return same
