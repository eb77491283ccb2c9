"""The release report: one record that says what was decided and why, written as JSON, Markdown and one HTML file.

The record is the truth and has a JSON Schema (``report.schema.json``); the two pages are views of it.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec

from recsys_eval.errors import UnreadableFile
from recsys_eval.facts import Report, System, SystemKind
from recsys_eval.metrics.evaluation import Metrics
from recsys_eval.pages import html, markdown
from recsys_eval.statistics import mean_interval


class Written(NamedTuple):
    """The three files of a report.

    Stability: public
    """

    json: Path
    markdown: Path
    html: Path


def system(name: str, kind: SystemKind, metrics: Metrics, confidence: float = 0.95) -> System:
    """A row of the report from what ``evaluate`` returned, with an interval for each ranking metric.

    Stability: public
    """
    names = [column for column in metrics.per_user.columns if column != "user_id"]
    intervals = {name: mean_interval(metrics.per_user[name].to_numpy(), confidence) for name in names}
    return System(
        name=name,
        kind=kind,
        metrics=metrics.summary,
        intervals={name: (interval.low, interval.high) for name, interval in intervals.items() if interval},
    )


def write(report: Report, folder: Path) -> Written:
    """Write ``report.json``, ``report.md`` and ``report.html``; the same report gives the same bytes.

    Stability: public
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = Written(folder / "report.json", folder / "report.md", folder / "report.html")
    written.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    written.markdown.write_text(markdown(report), encoding="utf-8")
    written.html.write_text(html(report), encoding="utf-8")
    return written


def read(path: Path) -> Report:
    """The report in a JSON file. Raises ``UnreadableFile`` that names the file and the place of the error.

    Stability: public
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path} is not a report: {error}") from error


def schema() -> bytes:
    """The JSON Schema of a report, as checked in beside this module.

    Stability: public
    """
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Report)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
