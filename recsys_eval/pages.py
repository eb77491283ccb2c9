"""A report as a page for people: HTML that needs nothing but itself, and Markdown for a run's log or a pull request.

Decision first, then why, then how good the lists are, examples, data and origin. Every id and text comes from outside,
so all of it is escaped: by Jinja's autoescape in HTML, by ``plain`` in Markdown.
"""

import html as escapes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data_contracts.manifest import Decision, Lineage, Window
from recsys_eval.charts import bars, forest, interval
from recsys_eval.facts import Report, Sample, SampleItem, System
from recsys_eval.metrics.definitions import DEFINITIONS, shown
from recsys_eval.slices import described, smallest_moved
from recsys_eval.verdict import SliceValue

TEMPLATES = Path(__file__).parent / "templates"
HEADLINES: Mapping[Decision, str] = {
    "promoted": "The candidate may go out.",
    "rejected": "The candidate must not go out.",
    "suspicious": "Somebody must look at this before it goes out.",
    "ungated": "There is nothing to judge the candidate by.",
}
PLOTTED = ("ndcg", "recall", "hit_rate", "precision", "coverage", "novelty", "diversity", "long_tail_share")
SHOWN_SLICES = 16
KINDS = ("served", "incumbent", "algorithm")


def html(report: Report) -> str:
    """One self-contained page: styles and drawings inside, no script, no address of anything elsewhere."""
    drawn = interval("interval", report.verdict)
    slices = forest("slices", report.verdict.metric, foremost(report.verdict.slices))
    plots = _plots(ordered(report), report.verdict.metric)
    return (
        _environment(autoescape=True)
        .get_template("report.html.j2")
        .render(_said(report), interval=drawn, slices=slices, plots=plots)
    )


def markdown(report: Report) -> str:
    """The same facts as a short text with tables."""
    return _environment(autoescape=False).get_template("report.md.j2").render(_said(report))


def plain(value: object) -> object:
    """Text that Markdown cannot take for markup: one line, no tags, no table bars, no links.

    >>> print(plain("a|b <script>[x](y)\\n# c"))
    a\\|b &lt;script&gt;\\[x\\](y) # c
    """
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", escapes.escape(line, quote=False))


def signed(share: float | None) -> str:
    """A relative difference in percent, with its sign.

    >>> signed(-0.0312), signed(0.0)
    ('-3.1%', '+0.0%')
    """
    return "-" if share is None else f"{share:+.1%}"


def sentence(text: str) -> str:
    """The text as a sentence, unless it begins with the name of a metric.

    >>> sentence("too good"), sentence("ndcg@10 fell")
    ('Too good.', 'ndcg@10 fell.')
    """
    first = text if "@" in text.partition(" ")[0] else text[:1].upper() + text[1:]
    return f"{first}."


def foremost(slices: Sequence[SliceValue]) -> list[SliceValue]:
    """The slices to show: those that moved and the largest others, by dimension, at most ``SHOWN_SLICES``."""
    first = sorted(slices, key=lambda one: (not one.moved, -one.users, one.dimension, one.name))[:SHOWN_SLICES]
    return sorted(first, key=lambda one: (one.dimension, -one.users, one.name))


def change(sample: Sample, item: SampleItem) -> str:
    """What happened to an item of the candidate's list since the incumbent's: new, up 3, down 1, or nothing."""
    if sample.incumbent is None:
        return ""
    before = next((old.rank for old in sample.incumbent if old.item_id == item.item_id), None)
    if before is None:
        return "new"
    return "" if before == item.rank else f"{'up' if item.rank < before else 'down'} {abs(before - item.rank)}"


def gone(sample: Sample, item: SampleItem) -> bool:
    """Whether an item of the incumbent's list is not in the candidate's."""
    return all(new.item_id != item.item_id for new in sample.items)


def ordered(report: Report) -> tuple[System, ...]:
    """As served, the incumbent, then the algorithms, best first by the gate's metric, then by name."""
    return tuple(
        sorted(
            report.systems,
            key=lambda system: (
                KINDS.index(system.kind),
                -system.metrics.get(report.verdict.metric, 0.0),
                system.name,
            ),
        )
    )


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        finalize=None if autoescape else plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"shown": shown, "signed": signed, "sentence": sentence}
    return environment


def _said(report: Report) -> dict[str, object]:
    """What both templates read."""
    systems = ordered(report)
    metrics = _metrics(systems, report.verdict.metric)
    smallest = smallest_moved(report.verdict.slices)
    return {
        "change": change,
        "gone": gone,
        "foremost": foremost(report.verdict.slices),
        "smallest": smallest and described(smallest, report.verdict.metric),
        "report": report,
        "verdict": report.verdict,
        "headline": HEADLINES[report.verdict.decision],
        "systems": systems,
        "metrics": metrics,
        "definitions": DEFINITIONS,
        "origin": _origin(report),
    }


def _metrics(systems: Sequence[System], gated: str) -> list[str]:
    """The metrics to show, at the gate's k, in the order of their definitions; other ks are in the JSON."""
    cut = gated.partition("@")[2]
    measured = {metric for system in systems for metric in system.metrics}
    wanted = [name for base in DEFINITIONS for name in (base, f"{base}@{cut}")]
    return [name for name in wanted if name in measured]


def _plots(systems: Sequence[System], gated: str) -> list[tuple[str, str]]:
    """The metrics with a drawing each."""
    metrics = [f"{base}@{gated.partition('@')[2]}" for base in PLOTTED]
    drawn = [metric for metric in metrics if any(metric in system.metrics for system in systems)]
    return [(metric, bars(f"plot{n}", metric, systems, metric)) for n, metric in enumerate(drawn)]


def _origin(report: Report) -> list[tuple[str, str]]:
    """Where the candidate comes from: label and value, without the empty ones."""
    lineage = report.lineage or Lineage(data_fingerprint="", config_hash="")
    rows = [
        ("Generation", _number(report.generation)),
        ("Compared with generation", _number(report.baseline_generation)),
        ("Trained on", _days(report.train)),
        ("Tested on", _days(report.test)),
        ("Data fingerprint", lineage.data_fingerprint),
        ("Configuration", lineage.config_hash),
        ("Code", lineage.git_sha),
        ("Dagster run", lineage.dagster_run_id),
        ("MLflow run", lineage.mlflow_run_id),
        ("Registered model", f"{lineage.model_name} {lineage.model_version}".strip()),
    ]
    return [row for row in rows if row[1]]


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _days(window: Window | None) -> str:
    return "" if window is None else f"{window.start:%Y-%m-%d %H:%M} to before {window.end:%Y-%m-%d %H:%M} UTC"
