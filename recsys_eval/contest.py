"""Who is compared with whom on what, as files: the options that the commands share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cyclopts import Parameter

from data_contracts.documents import Gate
from data_contracts.errors import InvalidDocument
from data_contracts.manifest import decode
from recsys_eval.files import read_table
from recsys_eval.gate import decide
from recsys_eval.metrics.evaluation import Metrics, evaluate
from recsys_eval.verdict import Verdict


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Fixture:
    """What all recommendations are measured on."""

    truth: Path
    "What users really chose: user_id, item_id."
    train: Path | None = None
    "What was known before: user_id, item_id."
    catalog: Path | None = None
    "All that could be recommended: item_id, category or tags."

    def measure(self, recs: Path, k: tuple[int, ...]) -> Metrics:
        """All metrics of the recommendations in a file."""
        train, catalog = (None if path is None else read_table(path) for path in (self.train, self.catalog))
        return evaluate(read_table(recs), read_table(self.truth), k, train=train, catalog=catalog)


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
    seed: int = 0
    "Of the bootstrap: the same files and seed give the same verdict."

    def limits(self) -> Gate:
        """The gate to pass."""
        return Gate() if self.gate is None else decode(self.gate.read_bytes(), Gate, str(self.gate))

    def measured(self, fixture: Fixture, recs: Path | None) -> Metrics | None:
        """The metrics at the gate's k, or None where there is no file."""
        return None if recs is None else fixture.measure(recs, (_cut(self.limits().metric),))

    def judge(self, fixture: Fixture) -> tuple[Verdict, Metrics, Metrics | None]:
        """The verdict, and what candidate and incumbent measured."""
        candidate = fixture.measure(self.candidate, (_cut(self.limits().metric),))
        incumbent, repeat = self.measured(fixture, self.incumbent), self.measured(fixture, self.repeat)
        rng = np.random.default_rng(self.seed)
        return decide(candidate, incumbent, self.limits(), rng=rng, repeat=repeat), candidate, incumbent


def _cut(metric: str) -> int:
    digits = metric.rpartition("@")[2]
    if not digits.isdecimal():
        raise InvalidDocument(f"gate.metric {metric!r} has no list length; write it as ndcg@10")
    return int(digits)
