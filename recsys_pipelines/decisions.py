"""What was decided about a day's candidate and what became of it, kept beside the tables it is about.

Dagster's blocking checks block only within one run; a release that is started alone reads the decision and refuses.
"""

from datetime import date

import msgspec

from data_contracts.errors import ContractError
from data_contracts.manifest import Decision
from recsys_pipelines.lake import Lake


class NotDecided(ContractError):
    """There is no decision on the candidate that is to be published."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """The relative difference between candidate and incumbent, with its bootstrap interval."""

    difference: float
    low: float
    high: float


class SecondStageChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a surface's second stage: served if ``chosen``, else the plain blend goes out, and why.

    ``plain`` and ``learned`` are metrics on the same users, empty if it was not learned; the interval is of learned
    over plain.
    """

    model: str
    chosen: bool
    reason: str
    plain: dict[str, float] = {}
    learned: dict[str, float] = {}
    interval: Interval | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's word on one surface; ``metrics`` are of the blend as served, ``algorithms`` of each source alone."""

    surface: str
    decision: Decision
    reason: str
    metrics: dict[str, float]
    algorithms: dict[str, dict[str, float]]
    baseline_generation: int | None = None
    interval: Interval | None = None
    second_stage: SecondStageChoice | None = None


class Judgements(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of one tenant and day, for the candidate with this fingerprint; ``report`` is a folder."""

    candidate: str
    surfaces: tuple[Judgement, ...]
    report: str

    def on(self, surface: str) -> Judgement:
        """The decision on one surface. Raises ``NotDecided``."""
        for judgement in self.surfaces:
            if judgement.surface == surface:
                return judgement
        raise NotDecided(f"surface {surface!r} was not evaluated; evaluate the day again before publishing it")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What publishing one surface did; ``unchanged`` means that the current generation already is this candidate."""

    surface: str
    generation: int
    unchanged: bool
    model_version: str = ""
    note: str = ""


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What publishing one tenant's day did."""

    surfaces: tuple[Outcome, ...]


def latest(lake: Lake, tenant: str, day: date) -> Judgements:
    """The decisions on the day's candidate. Raises ``NotDecided`` if there are none."""
    record = lake.read_json("decisions", tenant, day, Judgements)
    if record is None:
        raise NotDecided(f"the candidate of {tenant!r} for {day} was never evaluated; evaluate before publishing")
    return record


def decided(lake: Lake, tenant: str, day: date, candidate: str) -> Judgements:
    """The decisions on exactly this candidate. Raises ``NotDecided`` if they are about another one."""
    record = latest(lake, tenant, day)
    if record.candidate != candidate:
        raise NotDecided(
            f"the decision for {tenant!r} on {day} is about another candidate ({record.candidate[:12]}, "
            f"not {candidate[:12]}): data, settings or code changed since; evaluate again"
        )
    return record
