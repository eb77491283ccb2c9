"""Who is compared with whom, and how strictly, as files: the options that the commands share."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cyclopts import Parameter
from cyclopts.types import NonNegativeInt

from data_contracts.documents import Gate
from data_contracts.errors import InvalidDocument
from data_contracts.manifest import Window, decode
from recsys_eval.case import Evidence
from recsys_eval.examples import examples
from recsys_eval.facts import Sample, Served
from recsys_eval.files import read_table
from recsys_eval.fixture import Fixture
from recsys_eval.gate import decide
from recsys_eval.metrics.evaluation import Metrics
from recsys_eval.spoken import aware
from recsys_eval.verdict import Verdict


class Judged(NamedTuple):
    """The verdict, and what candidate and incumbent measured; ``rows`` of each table, by its option."""

    verdict: Verdict
    candidate: Metrics
    incumbent: Metrics | None
    served: Served | None
    samples: tuple[Sample, ...]
    rows: dict[str, int]
    train: Window | None
    test: Window | None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Contest:
    """Who is compared, and how strictly."""

    candidate: Path
    "Recommendations that are to go out."
    incumbent: Path | None = None
    "Recommendations that are served now, for the same users; without them the verdict is ungated."
    repeat: Path | None = None
    "Recommendations of a second run of the candidate, which must be the same."
    gate: Path | None = None
    "JSON with the fields of a tenant document's `gate`; default: ndcg@10, tolerance 0.02."
    trained_until: datetime | None = None
    "End of what the candidate learned from; where truth has ts, it must not be later than the first of them."
    latency: Path | None = None
    "What `recsys-eval serve-metrics` said about a server of the candidate; its p95 is held against the gate's limit."
    seed: NonNegativeInt = 0
    "Of the bootstrap: the same files and seed give the same verdict."

    def judge(self, fixture: Fixture) -> Judged:
        """The verdict, and what candidate and incumbent measured."""
        ground, gate = fixture.open(), self.limits()
        k, given = _cut(gate.metric), (self.candidate, self.incumbent, self.repeat)
        candidate, *others = (None if path is None else ground.lists(read_table(path)) for path in given)
        if candidate is None:
            raise InvalidDocument("there is no candidate")
        measured = ground.measure(candidate, (k,))
        incumbent, repeat = (None if recs is None else ground.measure(recs, (k,)) for recs in others)
        served = None if self.latency is None else decode(self.latency.read_bytes(), Served, str(self.latency))
        if served is not None:
            latency = {"latency_p95_ms": served.latency_ms["p95"].value}
            measured = replace(measured, summary=measured.summary | latency)
        until = self.trained_until and aware(self.trained_until)
        evidence = Evidence(slices=ground.slices(), trained_until=until, cut=ground.began())
        rng = np.random.default_rng(self.seed)
        verdict = decide(measured, incumbent, gate, rng=rng, repeat=repeat, evidence=evidence)
        shown = examples(measured, incumbent, gate.metric)
        samples = tuple(ground.sample(each, others[0], candidate, k) for each in shown if others[0] is not None)
        tables = {"candidate": candidate, "incumbent": others[0], "repeat": others[1]} | ground.tables()
        rows = {name: table.height for name, table in tables.items() if table is not None}
        return Judged(verdict, measured, incumbent, served, samples, rows, *ground.windows())

    def limits(self) -> Gate:
        """The gate that was asked for."""
        return Gate() if self.gate is None else decode(self.gate.read_bytes(), Gate, str(self.gate))


def _cut(metric: str) -> int:
    digits = metric.rpartition("@")[2]
    if not digits.isdecimal():
        raise InvalidDocument(f"gate.metric {metric!r} has no list length; write it as ndcg@10")
    return int(digits)
