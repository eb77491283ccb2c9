"""What changed in the columns of a source between two loads: added, dropped, renamed, retyped.

Columns and types are those of ``Source.columns``, in the source's order. ``empty`` is no type: a column of which only
the values are missing, before or now, was not retyped.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

DriftKind = Literal["added", "dropped", "renamed", "retyped"]

_CLOSE = 0.7  # of names that are likely the same: ``userid`` and ``user_id`` have 0.92, ``item`` and ``time`` 0.5
_ORDER: tuple[DriftKind, ...] = ("renamed", "retyped", "dropped", "added")


class Drift(NamedTuple):
    """One change; ``was`` and ``now`` are names of a renamed column and types of any other (empty: not there)."""

    kind: DriftKind
    column: str
    was: str
    now: str

    @property
    def text(self) -> str:
        """The change in one line."""
        match self.kind:
            case "added":
                return f"column {self.column} ({self.now}) was added"
            case "dropped":
                return f"column {self.column} ({self.was}) was dropped"
            case "renamed":
                return f"column {self.was} is likely called {self.now} now"
            case "retyped":
                return f"column {self.column} was {self.was} and is {self.now}"


def drift(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[Drift, ...]:
    """The changes, renamed columns first, then retyped, dropped and added ones, each in the source's order.

    A dropped and an added column are one renamed column if their names are close, or if they stand at the same place
    among the columns with the same type. Nothing is said where there was no load before.

    >>> [each.text for each in drift({"user": "text", "n": "int"}, {"user_id": "text", "n": "float"})]
    ['column user is likely called user_id now', 'column n was int and is float']
    """
    if not before:
        return ()
    dropped, added = [name for name in before if name not in now], [name for name in now if name not in before]
    renamed = _renamed(before, now, dropped, added)
    new_names = set(renamed.values())
    found = [
        *(Drift("renamed", was, was, name) for was, name in renamed.items()),
        *_retyped(before, now, {name: name for name in before if name in now} | renamed),
        *(Drift("dropped", name, before[name], "") for name in dropped if name not in renamed),
        *(Drift("added", name, "", now[name]) for name in added if name not in new_names),
    ]
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.kind)))


def _retyped(before: Mapping[str, str], now: Mapping[str, str], names: Mapping[str, str]) -> list[Drift]:
    """Columns that are in both, under the name they had and the one they have, with another type."""
    known = [(was, name) for was, name in names.items() if "empty" not in {before[was], now[name]}]
    return [Drift("retyped", name, before[was], now[name]) for was, name in known if before[was] != now[name]]


def _renamed(
    before: Mapping[str, str], now: Mapping[str, str], dropped: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    """New names by old ones: the closest pairs first, then those that only place and type speak for."""
    close = sorted(
        ((-_likeness(old, new), old, new) for old in dropped for new in added if _likeness(old, new) >= _CLOSE),
    )
    pairs = [(old, new) for _, old, new in close]
    pairs += [(old, new) for old in dropped for new in added if _takes_place(old, new, before, now)]
    renamed: dict[str, str] = {}
    for old, new in pairs:
        if old not in renamed and new not in renamed.values():
            renamed[old] = new
    return {old: renamed[old] for old in dropped if old in renamed}


def _likeness(old: str, new: str) -> float:
    """1 for the same letters and digits in the same order, whatever the case and what stands between words."""
    one, other = ("".join(filter(str.isalnum, name)).casefold() for name in (old, new))
    inside = bool(one and other) and (one in other or other in one)
    return max(SequenceMatcher(None, one, other).ratio(), _CLOSE if inside else 0.0)


def _takes_place(old: str, new: str, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    same_place = list(before).index(old) == list(now).index(new) and len(before) == len(now)
    return same_place and before[old] == now[new] and before[old] != "empty"
