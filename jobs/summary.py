"""What a run did, read back from what it left behind: rows, checks, metrics, decisions, releases."""

import sys
from typing import Literal

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from assets.partitions import Scope
from jobs.launch import Ran
from recsys_pipelines.decisions import Judgement, Judgements, Outcomes
from recsys_pipelines.sufficiency import Sufficiency, read_sufficiency, silent
from recsys_pipelines.verdict import Verdict, read_verdict
from recsys_pipelines.workshop import Workshop

Status = Literal["published", "unchanged", "stopped by the gate", "stopped by the data checks", "failed"]
SHOWN = {  # metric at 10 -> what fits above a column
    "precision": "prec",
    "recall": "recall",
    "ndcg": "ndcg",
    "map": "map",
    "mrr": "mrr",
    "hit_rate": "hit",
    "coverage": "cover",
    "novelty": "novel",
    "diversity": "divers",
}
EXIT_CODES: dict[Status, int] = {
    "published": 0,
    "unchanged": 0,
    "failed": 1,
    "stopped by the gate": 2,
    "stopped by the data checks": 4,
}


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """One run, for people and for scripts."""

    tenant: str
    first: str
    day: str
    status: Status
    run_id: str
    error: str
    verdict: Verdict | None
    judgements: Judgements | None
    outcomes: Outcomes | None
    reports: str
    quality_page: str
    sufficiency: Sufficiency | None = None
    learned_nothing: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the shell gets."""
        return EXIT_CODES[self.status]


def summary(shop: Workshop, scope: Scope, ran: Ran) -> RunReport:
    """Everything there is to say about a run that has ended; what it did not reach is None."""
    reached_gate = not ran.error and "contracts" not in ran.blocked_by
    folder = shop.report_folder(scope.tenant, scope.day.isoformat())
    judgements = shop.lake.read_json("decisions", scope.tenant, scope.day, Judgements) if reached_gate else None
    outcomes = shop.lake.read_json("outcomes", scope.tenant, scope.day, Outcomes) if ran.success else None
    return RunReport(
        tenant=scope.tenant,
        first=scope.first.isoformat(),
        day=scope.day.isoformat(),
        status=status(ran, outcomes),
        run_id=ran.run_id,
        error=ran.error,
        verdict=read_verdict(shop.lake, scope.tenant, scope.day),
        judgements=judgements,
        outcomes=outcomes,
        reports=str(folder),
        quality_page=str(folder / "quality.html"),
        sufficiency=read_sufficiency(shop.lake, scope.tenant, scope.day) if reached_gate else None,
        learned_nothing=silent(shop.tenant(scope.tenant).document, shop.lake, scope.day) if reached_gate else (),
    )


def status(ran: Ran, outcomes: Outcomes | None) -> Status:
    """How it ended, in one of five ways."""
    if "contracts" in ran.blocked_by:
        return "stopped by the data checks"
    if "gate" in ran.blocked_by:
        return "stopped by the gate"
    if not ran.success or outcomes is None:
        return "failed"
    return "unchanged" if all(outcome.unchanged for outcome in outcomes.surfaces) else "published"


def show(report: RunReport, *, as_json: bool) -> None:
    """Print the report: one JSON object, or lines and a table."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
        return
    console = Console(highlight=False)
    console.rule(f"{report.tenant}, {report.day}: {report.status}", align="left")
    if report.verdict:
        show_data(console, report.verdict, report.quality_page)
    show_sufficiency(console, report)
    if report.judgements:
        show_metrics(console, report.judgements)
    for outcome in report.outcomes.surfaces if report.outcomes else ():
        news = "already served, nothing new" if outcome.unchanged else "published"
        console.print(f"generation  {outcome.surface} {outcome.generation}: {news} {outcome.note}".rstrip())
    for judgement in report.judgements.surfaces if report.judgements else ():
        console.print(f"report      {report.reports}/{judgement.surface}/report.html", soft_wrap=True)
    if report.error:
        Console(stderr=True).print(f"error: {report.error}", markup=False, soft_wrap=True)


def show_data(console: Console, verdict: Verdict, page: str) -> None:
    """Rows and checks; of a blocked batch, what to look at."""
    passed = sum(check.passed for check in verdict.checks)
    console.print(f"rows        {verdict.accepted:,} accepted, {verdict.rejected:,} rejected")
    console.print(f"checks      {passed} of {len(verdict.checks)} passed; page: {page}", soft_wrap=True)
    if not verdict.passed:
        console.print(verdict.message, markup=False, soft_wrap=True)


def show_sufficiency(console: Console, report: RunReport) -> None:
    """What there is too little of, with what helps, and which algorithms learned nothing; nothing if all is well."""
    for finding in report.sufficiency.findings if report.sufficiency else ():
        console.print(f"{finding.severity:<11} {finding.message}: {finding.advice}", markup=False, soft_wrap=True)
    if report.learned_nothing:
        console.print(f"warning     learned nothing: {', '.join(report.learned_nothing)}", markup=False, soft_wrap=True)


def show_metrics(console: Console, judgements: Judgements) -> None:
    """Metrics of each algorithm and of the blend, and the decision, per surface."""
    for judgement in judgements.surfaces:
        console.print(metrics_table(judgement))
        console.print(f"gate        {judgement.decision}: {judgement.reason}", markup=False, soft_wrap=True)


def metrics_table(judgement: Judgement) -> Table:
    """One row per algorithm, and the blend as it is served."""
    rows = {**judgement.algorithms, "served blend": judgement.metrics}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"{judgement.surface} @10", no_wrap=True)
    for heading in SHOWN.values():
        table.add_column(heading, no_wrap=True, justify="right")
    for label, metrics in rows.items():
        table.add_row(label, *(number(metrics.get(f"{name}@10")) for name in SHOWN))
    return table


def number(value: float | None) -> str:
    """Three decimals; nothing where it was not measured."""
    return "" if value is None else f"{value:.3f}"
