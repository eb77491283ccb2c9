"""Experiments on live traffic: was the sample fair, what changed, how sure is that, and what to do.

    experiment = analyse(Logs(assignments, exposures, outcomes), plan)
    experiment.decision  # ship, hold or rollback

The unit is the subject that was assigned to an arm: what one of them does again and again is one observation.
"""

from recsys_eval.experiment.analysis import analyse
from recsys_eval.experiment.facts import Arm, Comparison, Experiment, Objective, Power, Quality, Ramp
from recsys_eval.experiment.plan import Guardrail, Metric, Plan
from recsys_eval.experiment.power import Design
from recsys_eval.experiment.same import SameArms, same_arms
from recsys_eval.experiment.subjects import Logs

__all__ = [
    "Arm",
    "Comparison",
    "Design",
    "Experiment",
    "Guardrail",
    "Logs",
    "Metric",
    "Objective",
    "Plan",
    "Power",
    "Quality",
    "Ramp",
    "SameArms",
    "analyse",
    "same_arms",
]
