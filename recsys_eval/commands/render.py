"""``recsys-eval render``: the pages of a report again, from its record."""

from pathlib import Path

from recsys_eval.report import read, write
from recsys_eval.spoken import say


def render(facts: Path, *, out: Path) -> int:
    """Write the pages of a report again from its JSON.

    `recsys-eval render report.json --out report/`

    Parameters
    ----------
    facts
        A report.json, as `report` or the pipeline wrote it.
    out
        The folder to write into.
    """
    return say({"files": [str(path) for path in write(read(facts), out)]})
