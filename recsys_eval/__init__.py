"""Evaluation of recommendations: splits that do not leak, metrics, a release gate, and reports that people can read.

A library and a command line (``recsys-eval``) that need nothing of the rest of the suite: tables in, numbers out.

    split = time_split(events, cut)
    measured = evaluate(recs, truth, k=10, train=split.train, catalog=items)
    verdict = decide(measured, incumbent, Gate(), rng=np.random.default_rng(0))
    write(Report(...), folder)

Every name carries a promise in its docstring: ``Stability: public`` changes only with a new major version,
``experimental`` may change with any, ``internal`` is not for others.
"""

from data_contracts.documents import Gate
from recsys_eval.case import Evidence
from recsys_eval.errors import (
    DifferentUsers,
    EvaluationError,
    InvalidFrame,
    Leak,
    NothingToEvaluate,
    UnknownMetric,
    UnreadableFile,
)
from recsys_eval.facts import (
    Estimate,
    Finding,
    Quality,
    QualityCheck,
    Report,
    Sample,
    SampleItem,
    Served,
    System,
    TableQuality,
)
from recsys_eval.gate import decide
from recsys_eval.metrics.definitions import definition
from recsys_eval.metrics.evaluation import Metrics, evaluate
from recsys_eval.report import Written, read, system, write
from recsys_eval.slices import Slice, slices_of, smallest_moved
from recsys_eval.splits import (
    Fold,
    Split,
    given_split,
    last_k_split,
    refuse_feature_leak,
    refuse_leak,
    refuse_user_leak,
    time_folds,
    time_split,
)
from recsys_eval.verdict import Check, SliceValue, Verdict

__all__ = [
    "Check",
    "DifferentUsers",
    "Estimate",
    "EvaluationError",
    "Evidence",
    "Finding",
    "Fold",
    "Gate",
    "InvalidFrame",
    "Leak",
    "Metrics",
    "NothingToEvaluate",
    "Quality",
    "QualityCheck",
    "Report",
    "Sample",
    "SampleItem",
    "Served",
    "Slice",
    "SliceValue",
    "Split",
    "System",
    "TableQuality",
    "UnknownMetric",
    "UnreadableFile",
    "Verdict",
    "Written",
    "decide",
    "definition",
    "evaluate",
    "given_split",
    "last_k_split",
    "read",
    "refuse_feature_leak",
    "refuse_leak",
    "refuse_user_leak",
    "slices_of",
    "smallest_moved",
    "system",
    "time_folds",
    "time_split",
    "write",
]
