"""Which segment a known user is in: how somebody without a single event gets more than the list for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recsys_algo.arrays import Array, Arrays, array, part, prefixed
from recsys_algo.candidates import DEFAULT_SEGMENT, found
from recsys_algo.errors import BadArtifact
from recsys_algo.stringmap import StringMap


@dataclass(frozen=True, eq=False)
class Segments:
    """The users that are in a segment of their own; all others are in the default one."""

    users: StringMap
    codes: Array
    names: tuple[str, ...]

    @classmethod
    def build(cls, users: Sequence[str], segments: Sequence[str]) -> Self:
        """From each user's segment. Raises ``ValueError`` that names a user given twice."""
        ids, names = StringMap.build(users), StringMap.build(set(segments))
        codes = np.zeros(len(ids), np.int32)
        codes[ids.find_all(users)] = names.find_all(segments)
        return cls(ids, codes, tuple(names))

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """As stored. Raises ``BadArtifact`` if the arrays do not fit together."""
        ids, names = StringMap.from_arrays(part(arrays, "users")), StringMap.from_arrays(part(arrays, "names"))
        codes = array(arrays, "codes")
        if len(codes) != len(ids) or not -1 < codes.min(initial=0) <= codes.max(initial=-1) < len(names):
            raise BadArtifact(f"{len(codes)} segments of {len(ids)} users do not fit to {len(names)} names")
        return cls(ids, codes, tuple(names))

    def arrays(self) -> dict[str, Array]:
        """What ``of`` takes."""
        return {
            **prefixed(self.users.arrays(), "users"),
            **prefixed(StringMap.build(self.names).arrays(), "names"),
            "codes": self.codes,
        }

    def of_user(self, subjects: tuple[str, ...]) -> str:
        """The segment of the first of these ids that has one."""
        user = found(self.users, subjects)
        return self.names[self.codes[user]] if user >= 0 else DEFAULT_SEGMENT
