"""Off-policy evaluation: what a policy would have earned, from the log of another that left something to chance.

result = off_policy(logged(log, target))
result.estimates  # ips, snips, dm, dr, switch-dr, and per answer; with intervals
result.warnings   # read them first
"""

from recsys_eval.ope.evaluation import Options, off_policy
from recsys_eval.ope.facts import Estimate, OffPolicy, Overlap
from recsys_eval.ope.logged import Logged, Policy, logged

__all__ = ["Estimate", "Logged", "OffPolicy", "Options", "Overlap", "Policy", "logged", "off_policy"]
