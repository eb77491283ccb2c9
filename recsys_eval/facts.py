"""What a release report states: one record per candidate of a surface, the agreement with whoever reads the JSON."""

from typing import Literal

import msgspec

from data_contracts.manifest import Lineage, Window
from data_contracts.policies import Severity
from data_contracts.records import Timestamp
from recsys_eval.verdict import Verdict

SystemKind = Literal["served", "incumbent", "algorithm"]


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that ranks, and how well: the blend as served, the incumbent, or one algorithm alone.

    ``intervals`` holds (low, high) of the mean over users, for the ranking metrics.

    Stability: public
    """

    name: str
    kind: SystemKind
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}


class TableQuality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many rows of a table came in, and how many were refused.

    Stability: public
    """

    table: str
    rows: int
    rejected: int = 0


class QualityCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule about the data, and what was seen.

    Stability: public
    """

    name: str
    table: str
    passed: bool
    severity: Severity = "block"
    detail: str = ""


class Quality(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What went in.

    Stability: public
    """

    tables: tuple[TableQuality, ...] = ()
    checks: tuple[QualityCheck, ...] = ()


class SampleItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One place of a list that the candidate made; ``hit``: the user really chose it in the test days.

    Stability: public
    """

    rank: int
    item_id: str
    title: str = ""
    reasons: tuple[str, ...] = ()
    hit: bool = False


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One user's list; ``history`` are the newest items that it is based on, by title or id.

    Stability: public
    """

    user_id: str
    history: tuple[str, ...] = ()
    items: tuple[SampleItem, ...] = ()


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One candidate of one surface: decision, measurements, data, examples and origin.

    ``train`` and ``test`` are the windows of the evaluated fit. ``generation`` is None as long as it is not published.

    Stability: public
    """

    schema: Literal["recsys.report/1"] = "recsys.report/1"
    tenant: str
    surface: str
    created_at: Timestamp
    verdict: Verdict
    systems: tuple[System, ...]
    train: Window | None = None
    test: Window | None = None
    quality: Quality = Quality()
    samples: tuple[Sample, ...] = ()
    lineage: Lineage | None = None
    generation: int | None = None
    baseline_generation: int | None = None
    notes: tuple[str, ...] = ()
