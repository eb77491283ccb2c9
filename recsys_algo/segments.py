"""Which segment a user is in: how somebody without a single event gets more than the list for everybody.

A segment is the user's own, or a trait's: all who share a value, such as ``loyalty=gold``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np

from recsys_algo.arrays import Array, Arrays, array, part, prefixed
from recsys_algo.candidates import DEFAULT_SEGMENT, found
from recsys_algo.errors import BadArtifact
from recsys_algo.stringmap import StringMap, packed

EXACT = 2**53  # whole numbers beyond are rounded by whoever reads them as floats
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def trait_segment(trait: str, value: object) -> str | None:
    """The segment of all who share this value, such as ``loyalty=gold``; None for what is no value.

    Values are spelt as tags are, in lower case and without spare white space, so that ``Gold `` is ``gold``; truths and
    numbers as JSON writes them, a whole number without decimals. Lists and objects are no values, nor are empty texts.

    >>> trait_segment("loyalty", " Gold"), trait_segment("newsletter", True), trait_segment("children", 2.0)
    ('loyalty=gold', 'newsletter=true', 'children=2')
    """
    match value:
        case str():
            word = _SPACE.sub(" ", value.lower()).strip()
        case bool():
            word = str(value).lower()
        case int() | float():
            word = str(int(value) if abs(value) < EXACT and int(value) == value else value)
        case _:
            word = ""
    return f"{trait}={word}" if word else None


@dataclass(frozen=True, eq=False)
class Segments:
    """The users that are in a segment with a list; all others are in the default one.

    ``names`` are the segments of users, and those of all lists by ``traits``, which count in their order.
    """

    users: StringMap
    codes: Array
    names: tuple[str, ...]
    traits: tuple[str, ...] = ()

    @classmethod
    def build(
        cls, users: Sequence[str], segments: Sequence[str], *, traits: Sequence[str] = (), lists: Iterable[str] = ()
    ) -> Self:
        """From each user's segment, and the names of the lists by ``traits``. Raises ``ValueError`` that names a user
        given twice."""
        ids, names = StringMap.build(users), StringMap.build({*segments, *lists})
        codes = np.zeros(len(ids), np.int32)
        codes[ids.find_all(users)] = names.find_all(segments)
        return cls(ids, codes, tuple(names), tuple(traits))

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """As stored. Raises ``BadArtifact`` if the arrays do not fit together."""
        ids, names = StringMap.from_arrays(part(arrays, "users")), StringMap.from_arrays(part(arrays, "names"))
        codes = array(arrays, "codes")
        if len(codes) != len(ids) or not -1 < codes.min(initial=0) <= codes.max(initial=-1) < len(names):
            raise BadArtifact(f"{len(codes)} segments of {len(ids)} users do not fit to {len(names)} names")
        return cls(ids, codes, tuple(names), _texts(part(arrays, "traits")))

    def arrays(self) -> dict[str, Array]:
        """What ``of`` takes; without traits what it was before there were any."""
        arrays = {
            **prefixed(self.users.arrays(), "users"),
            **prefixed(StringMap.build(self.names).arrays(), "names"),
            "codes": self.codes,
        }
        data, offsets = packed([name.encode() for name in self.traits])
        return arrays | {"traits.bytes": data, "traits.offsets": offsets} if self.traits else arrays

    def of_user(self, subjects: tuple[str, ...]) -> str:
        """The segment of the first of these ids that has one."""
        user = found(self.users, subjects)
        return self.names[self.codes[user]] if user >= 0 else DEFAULT_SEGMENT

    def of_traits(self, traits: Mapping[str, object]) -> str:
        """The segment of the first trait that has a list for this value of it."""
        segments = (trait_segment(name, traits.get(name)) for name in self.traits)
        return next((segment for segment in segments if segment and segment in self._known), DEFAULT_SEGMENT)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)


def _texts(arrays: Arrays) -> tuple[str, ...]:
    if not arrays:
        return ()
    data, offsets = array(arrays, "bytes").tobytes(), array(arrays, "offsets").tolist()
    return tuple(data[begin:end].decode() for begin, end in pairwise(offsets))
