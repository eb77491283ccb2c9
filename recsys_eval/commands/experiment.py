"""``recsys-eval experiment``: ship, hold or roll back; and what to know before one begins."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter
from cyclopts.types import NonNegativeInt, PositiveInt

from data_contracts.manifest import decode
from recsys_eval.errors import InvalidFrame
from recsys_eval.experiment.analysis import analyse
from recsys_eval.experiment.facts import ServiceLevels
from recsys_eval.experiment.own import own_logs
from recsys_eval.experiment.page import html as page
from recsys_eval.experiment.plan import Plan, checked
from recsys_eval.experiment.power import Design
from recsys_eval.experiment.same import same_arms
from recsys_eval.experiment.subjects import Logs, subjects
from recsys_eval.exposures import log_files, read_exposures
from recsys_eval.files import read_table
from recsys_eval.spoken import say

experiment = App(name="experiment")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What an experiment recorded."""

    plan: Path
    "JSON: experiment_id, control, shares, and what differs from the defaults of its other fields."
    assignments: Path | None = None
    "Who got which arm: subject_id (or user_id), variant; ts, experiment_id, forced."
    log: Annotated[tuple[Path, ...], Parameter(negative="", consume_multiple=True)] = ()
    "Instead of assignments and exposures: logs of the server (.jsonl, .jsonl.gz), or folders of them."
    exposures: Path | None = None
    "Who saw it: subject_id, ts; items, request_id. Only exposed subjects count."
    outcomes: Path | None = None
    "What they did: subject_id (with --log: request_id), type (click, add, purchase), ts; value, event_id."
    users: Path | None = None
    "Instead of the two: sums per subject, such as impressions, clicks, adds, purchases, revenue."
    before: Path | None = None
    "The same sums from before the experiment; takes noise away (CUPED)."

    def planned(self) -> Plan:
        """The plan, if it makes sense."""
        return checked(decode(self.plan.read_bytes(), Plan, str(self.plan)))

    def logs(self) -> Logs:
        """The tables, read."""
        if self.log:
            return self._own()
        if self.assignments is None:
            raise InvalidFrame("say who got which arm: --assignments FILE, or --log FILES")
        if self.users is not None and (self.exposures is not None or self.outcomes is not None):
            raise InvalidFrame("say either --users, or --exposures and --outcomes")
        if self.users is None and self.exposures is None and self.outcomes is None:
            raise InvalidFrame("say what came of it: --users FILE, or --exposures FILE and --outcomes FILE")
        optional = (self.exposures, self.outcomes, self.users, self.before)
        return Logs(read_table(self.assignments), *(None if path is None else read_table(path) for path in optional))

    def _own(self) -> Logs:
        if self.assignments is not None or self.exposures is not None or self.users is not None:
            raise InvalidFrame("--log holds assignments and exposures; do not give them again, nor --users")
        outcomes, before = (None if path is None else read_table(path) for path in (self.outcomes, self.before))
        own = own_logs(read_exposures(log_files(self.log)), outcomes, self.planned().experiment_id)
        return replace(own, before=before)


@experiment.default
def decide(recorded: Recorded, *, objectives: Path | None = None, html: Path | None = None) -> int:
    """Whether to ship, to hold or to roll back: exit code 0 ship, 3 hold, 2 roll back.

    The sample ratio is checked first. Subjects are the unit; intervals hold however often one looks; a guardrail must
    be shown to hold before anything is shipped.

    `recsys-eval experiment --plan plan.json --assignments a.csv --exposures e.csv --outcomes o.csv --html page.html`

    `recsys-eval experiment --plan plan.json --log exposures/ --outcomes outcomes.jsonl`

    Parameters
    ----------
    objectives
        Service levels for a ramp, as JSON: {"objectives": [{"name": "p99_ms", "value": 41, "limit": 50}]}.
    html
        Also write one self-contained page.
    """
    measured = () if objectives is None else decode(objectives.read_bytes(), ServiceLevels, str(objectives)).objectives
    found = analyse(recorded.logs(), recorded.planned(), measured)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page(found), encoding="utf-8")
    say(found)
    return found.exit_code


@experiment.command
def power(  # noqa: PLR0913  # options of a command
    *,
    mean: float,
    deviation: float,
    lift: float,
    users: PositiveInt | None = None,
    share: float = 0.5,
    confidence: float = 0.95,
    wanted_power: float = 0.8,
    peeking: bool = True,
) -> int:
    """How many subjects an experiment needs, before it begins.

    `recsys-eval experiment power --mean 0.04 --deviation 0.196 --lift 0.05`

    Parameters
    ----------
    mean
        The metric as it is today.
    deviation
        Its standard deviation over users; of a rate p of users that convert: sqrt(p (1 - p)).
    lift
        The relative change that must not be missed.
    users
        Also say what so many subjects can see.
    share
        The treatment's part of the subjects of the two arms.
    confidence
        One less the rate of false alarms.
    wanted_power
        How likely the lift is to be seen.
    peeking
        Whether results may be looked at before the end.
    """
    design = Design(mean=mean, deviation=deviation, confidence=confidence, wanted_power=wanted_power, share=share)
    once = design.needed_users(lift)
    needed = design.at_any_time(once).needed_users(lift) if peeking else once
    tested = design.at_any_time(needed) if peeking else design
    facts = {"needed_users": needed, "needed_users_for_one_look": once}
    if users is None:
        return say(facts)
    return say(facts | {"power": tested.power(lift, users), "smallest_lift": tested.smallest_lift(users)})


@experiment.command
def same(recorded: Recorded, *, halvings: PositiveInt = 1_000, seed: NonNegativeInt = 0) -> int:
    """The A/A check: deal the control into halves again and again; are there as many false alarms as promised?

    Exit code 0 if so for all metrics of the plan, 2 if not.

    `recsys-eval experiment same --plan plan.json --assignments a.csv --users users.csv`

    Parameters
    ----------
    halvings
        How often the control is dealt.
    seed
        The same files and seed give the same result.
    """
    plan = recorded.planned()
    counted = subjects(recorded.logs(), plan).counted
    control = counted.filter(counted["variant"] == plan.control)
    found = {
        metric.name: same_arms(
            control[metric.numerator].to_numpy(),
            control[metric.denominator].to_numpy(),
            np.random.default_rng(seed),
            halvings=halvings,
        )._asdict()
        for metric in plan.measured
    }
    say(found)
    return 0 if all(each["passed"] for each in found.values()) else 2
