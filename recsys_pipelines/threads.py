"""Threads whose number changes the time and never a bit: the work is cut into the same parts, however many do them.

Only one thread of BLAS works on a part, for where BLAS cuts a product depends on how many it has; its own threads and
those of Python would get in each other's way besides.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

Each = Callable[[Callable[[int], Any], Iterable[int]], list[Any]]


@contextmanager
def crew(threads: int) -> Iterator[Each]:
    """``each(work, parts)``: what ``work`` gives for every part, in order. 0 threads are one per core.

    It helps where the work releases the interpreter's lock, as NumPy's products and numba's ``nogil`` functions do. The
    first error of a part is raised.
    """
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="crew") as pool,
    ):
        yield lambda work, parts: list(pool.map(work, parts))
