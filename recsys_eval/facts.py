"""What a release report states: one record per candidate of a surface, the agreement with whoever reads the JSON."""

from typing import Annotated, Literal

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


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether there is enough of something to learn from, in words and numbers; ``subject`` is what would suffer.

    Stability: public
    """

    subject: str
    enough: bool
    detail: str


class Estimate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A number that was measured, and where its true value lies at the confidence asked for.

    Stability: public
    """

    value: float
    low: float
    high: float


class Served(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What callers of a server saw. ``latency_ms`` has p50, p90, p95 and p99 of the answers that were right (200).

    ``errors`` counts all others: by status, or by what went wrong without one, such as ``ReadTimeout``.

    Stability: public
    """

    schema: Literal["recsys.served/1"] = "recsys.served/1"
    url: str
    requests: Annotated[int, msgspec.Meta(ge=1)]
    concurrency: int
    duration_s: float
    throughput_rps: Estimate
    latency_ms: dict[str, Estimate]
    errors: dict[str, int] = {}
    error_rate: float = 0.0
    confidence: float = 0.95


class SampleItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One place of a list; ``hit``: the user really chose it in the test days.

    Stability: public
    """

    rank: int
    item_id: str
    title: str = ""
    reasons: tuple[str, ...] = ()
    hit: bool = False


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One user's list; ``history`` are the newest items that it is based on, by title or id.

    ``incumbent`` is the list that the same user gets today, None if that is not known; ``why`` says what this user
    shows, such as "lost most".

    Stability: public
    """

    user_id: str
    history: tuple[str, ...] = ()
    items: tuple[SampleItem, ...] = ()
    incumbent: tuple[SampleItem, ...] | None = None
    why: str = ""


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
    sufficiency: tuple[Finding, ...] = ()
    samples: tuple[Sample, ...] = ()
    served: Served | None = None
    lineage: Lineage | None = None
    generation: int | None = None
    baseline_generation: int | None = None
    notes: tuple[str, ...] = ()
