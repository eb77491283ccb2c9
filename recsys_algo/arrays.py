"""Plain arrays on disk and in memory: one ``.npy`` per array, mapped read-only, and rows of different lengths (CSR).

Files are called ``{artifact}.{array}.npy``, so that the artifacts of a generation may share a folder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from recsys_algo.errors import BadArtifact

SMALL = 64 * 1024  # bytes

Array = NDArray[Any]
Arrays = Mapping[str, Array]


def written(folder: Path, artifact: str, arrays: Arrays) -> tuple[Path, ...]:
    """Write every array; the files, by name. The same arrays give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{artifact}.{name}.npy" for name in sorted(arrays))
    for path, name in zip(paths, sorted(arrays), strict=True):
        np.save(path, np.ascontiguousarray(arrays[name]), allow_pickle=False)
    return paths


def mapped(artifact: str, files: Iterable[tuple[str, Path]]) -> dict[str, Array]:
    """The arrays of ``(file name, path)`` pairs, read-only. Raises ``BadArtifact`` that names the file.

    All but small ones are memory-mapped: the processes of a machine share them, and opening reads nothing.
    """
    return {name.removesuffix(".npy").removeprefix(f"{artifact}."): _mapped(name, path) for name, path in files}


def _mapped(name: str, path: Path) -> Array:
    try:
        # A mapped file costs a file descriptor; a small one is not worth it. As a plain array, because every slice of a
        # np.memmap costs a microsecond of bookkeeping.
        mode: Literal["r"] | None = "r" if path.stat().st_size > SMALL else None
        array: Array = np.load(path, mmap_mode=mode, allow_pickle=False).view(np.ndarray)
    except (ValueError, OSError, EOFError) as error:
        raise BadArtifact(f"{name} is not a plain array: {error}") from error
    array.flags.writeable = False
    return array


def part(arrays: Arrays, prefix: str) -> dict[str, Array]:
    """The arrays whose name begins with ``prefix.``, without it."""
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def prefixed(arrays: Arrays, prefix: str) -> dict[str, Array]:
    """The inverse of ``part``."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def array(arrays: Arrays, name: str) -> Array:
    """The array of that name. Raises ``BadArtifact`` if there is none."""
    if name not in arrays:
        raise BadArtifact(f"the array {name!r} is missing; there are {', '.join(sorted(arrays)) or 'none'}")
    return arrays[name]


@dataclass(frozen=True)
class Rows:
    """Rows of different lengths in two long arrays: row ``i`` is ``[indptr[i] : indptr[i + 1]]`` of both."""

    indptr: Array
    indices: Array
    values: Array

    @classmethod
    def of(cls, arrays: Arrays, count: int) -> Self:
        """The ``count`` rows stored as ``indptr``, ``indices`` and ``values``. Raises ``BadArtifact``."""
        rows = cls(*(array(arrays, name) for name in ("indptr", "indices", "values")))
        whole = len(rows.indptr) == count + 1 and len(rows.indices) == len(rows.values) == rows.indptr[-1]
        if not whole:
            raise BadArtifact(
                f"indptr of {len(rows.indptr)}, indices of {len(rows.indices)} and values of {len(rows.values)} entries"
                f" do not make {count} rows"
            )
        return rows

    @cached_property
    def _bounds(self) -> memoryview:
        return self.indptr.data

    def row(self, index: int) -> tuple[Array, Array]:
        """The indices and values of one row."""
        begin, end = self._bounds[index], self._bounds[index + 1]
        return self.indices[begin:end], self.values[begin:end]

    def gathered(self, rows: Array) -> tuple[Array, Array, Array]:
        """The indices and values of several rows, one after the other, and the length of each."""
        places, lengths = places_of(self.indptr, rows)
        return self.indices[places], self.values[places], lengths


def places_of(indptr: Array, rows: Array) -> tuple[Array, Array]:
    """Where the entries of these rows stand, one row after the other, and the length of each row."""
    begin = indptr[rows]
    lengths = indptr[rows + 1] - begin
    ends = lengths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + (begin - ends + lengths).repeat(lengths), lengths
