"""What can go wrong when ranking.

RankingError
|- UnknownStrategy      a request names a strategy that does not exist
|- BadArtifact          arrays that do not make the shape that they claim
"""

from collections.abc import Iterable


class RankingError(Exception):
    """The ranking core cannot do what was asked."""


class UnknownStrategy(RankingError):
    """A request names a strategy that does not exist; ``valid`` are those that do."""

    def __init__(self, name: str, valid: Iterable[str]) -> None:
        self.name = name
        self.valid = tuple(valid)
        super().__init__(f"unknown strategy {name!r}; the strategies are {', '.join(self.valid)}")


class BadArtifact(RankingError):
    """The arrays of an artifact do not make the shape that it claims."""
