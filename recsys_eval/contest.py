"""Who is compared with whom, and how strictly, as files: the options that the commands share."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cyclopts import Parameter

from data_contracts.documents import Gate
from data_contracts.errors import InvalidDocument
from data_contracts.manifest import decode
from recsys_eval.checks import Evidence
from recsys_eval.files import read_table
from recsys_eval.fixture import Fixture, Ground
from recsys_eval.gate import decide
from recsys_eval.metrics.evaluation import Metrics
from recsys_eval.served import read_served
from recsys_eval.spoken import aware
from recsys_eval.verdict import Verdict


class Judged(NamedTuple):
    """The verdict, and what candidate and incumbent measured."""

    verdict: Verdict
    candidate: Metrics
    incumbent: Metrics | None


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
    seed: int = 0
    "Of the bootstrap: the same files and seed give the same verdict."

    def judge(self, fixture: Fixture) -> Judged:
        """The verdict, and what candidate and incumbent measured."""
        ground, gate = fixture.open(), self._limits()
        candidate, incumbent, repeat = (
            _measured(ground, path, gate) for path in (self.candidate, self.incumbent, self.repeat)
        )
        if candidate is None:
            raise InvalidDocument("there is no candidate")
        if self.latency is not None:
            latency = {"latency_p95_ms": read_served(self.latency).latency_ms["p95"].value}
            candidate = replace(candidate, summary=candidate.summary | latency)
        until = self.trained_until and aware(self.trained_until)
        evidence = Evidence(slices=ground.slices(), trained_until=until, cut=ground.began())
        rng = np.random.default_rng(self.seed)
        verdict = decide(candidate, incumbent, gate, rng=rng, repeat=repeat, evidence=evidence)
        return Judged(verdict, candidate, incumbent)

    def _limits(self) -> Gate:
        return Gate() if self.gate is None else decode(self.gate.read_bytes(), Gate, str(self.gate))


def _measured(ground: Ground, recs: Path | None, gate: Gate) -> Metrics | None:
    """The metrics at the gate's k, or None where there is no file."""
    return None if recs is None else ground.measure(read_table(recs), (_cut(gate.metric),))


def _cut(metric: str) -> int:
    digits = metric.rpartition("@")[2]
    if not digits.isdecimal():
        raise InvalidDocument(f"gate.metric {metric!r} has no list length; write it as ndcg@10")
    return int(digits)
