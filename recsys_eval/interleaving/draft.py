"""Two rankings in one list: team-draft interleaving (Radlinski, Kurup & Joachims, 2008, CIKM).

In every round a coin says which ranking picks first; then each adds its best item that is not in the list yet. (To let
them alternate without the coin would give one of them the better places always.)
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

Team = Literal["a", "b"]


class Place(NamedTuple):
    """An item of the mixed list and the team that is credited with it; None where nobody is.

    Stability: experimental
    """

    item_id: str
    team: Team | None


def team_draft(a: Sequence[str], b: Sequence[str], k: int, rng: np.random.Generator) -> list[Place]:
    """At most ``k`` places. Each team's items stand in its own order.

    When one ranking has nothing new to add, the other fills up without credit: places that only one team could take say
    nothing about the two. Repeated items of a ranking count once.

    >>> [place.item_id for place in team_draft(["x", "y"], ["x", "y"], 2, np.random.default_rng(0))]
    ['x', 'y']

    Stability: experimental
    """
    left: dict[Team, list[str]] = {"a": list(dict.fromkeys(a))[::-1], "b": list(dict.fromkeys(b))[::-1]}
    places: list[Place] = []
    taken: set[str] = set()
    while len(places) < k and all(_trimmed(items, taken) for items in left.values()):
        order: tuple[Team, Team] = ("a", "b") if rng.random() < 0.5 else ("b", "a")  # noqa: PLR2004  # a fair coin
        for team in order:
            if len(places) < k and _trimmed(left[team], taken):
                places.append(Place(left[team].pop(), team))
                taken.add(places[-1].item_id)
    rest = [item for items in left.values() for item in reversed(items) if item not in taken]
    return places + [Place(item, None) for item in rest[: k - len(places)]]


def _trimmed(items: list[str], taken: set[str]) -> list[str]:
    """The items that are left (the best one last), without those already taken at its end."""
    while items and items[-1] in taken:
        items.pop()
    return items
