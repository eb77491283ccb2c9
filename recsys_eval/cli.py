"""The ``recsys-eval`` command: measure, gate and report recommendations that any engine wrote into files.

JSON goes to standard output and nothing else does. Exit codes: 0 promoted (or done), 2 rejected, suspicious or invalid,
3 ungated, 1 error or wrong usage.
"""

import os
import sys
from importlib import import_module

from cyclopts import App, CycloptsError
from rich.console import Console

from data_contracts.errors import ContractError
from recsys_eval.errors import EvaluationError
from recsys_eval.verdict import ERROR_EXIT_CODE

FILES = """\
Files are CSV, JSON lines or Parquet (.csv, .jsonl, .parquet; the first two also .gz), with these columns:

- recs: user_id, item_id, and rank (from 1) or score or both
- truth: user_id, item_id; one row per item that the user really chose
- train: user_id, item_id; what was known before (gives novelty, popularity bias, serendipity, cold and warm users)
- catalog: item_id, and optionally category or tags (gives coverage, Gini, AUC, diversity and a slice per category)
- labels: user_id or item_id or both, and a column per kind of slice, such as segment or country
- events: user_id, item_id, ts (ISO 8601 or epoch seconds; may be called timestamp)

Start with what you serve now and what you would serve instead, as two files of recs for the same users:

    recsys-eval validate --recs new.csv --truth truth.csv
    recsys-eval metrics --recs new.csv --truth truth.csv --catalog items.csv
    recsys-eval report --candidate new.csv --incumbent old.csv --truth truth.csv --train train.csv --out report/

Exit codes: 0 promoted or done, 2 rejected, suspicious or invalid, 3 ungated, 1 an error.
"""
COMMANDS = (  # each a function of the same name in a module of that name
    "metrics",
    "gate",
    "report",
    "render",
    "split",
    "validate",
    "experiment",
    "ope",
    "interleave",
    "serve_metrics",
)

app = App(
    name="recsys-eval",
    help=f"Measure recommendations, compare them with those you serve, and stop a release that is worse.\n\n{FILES}",
    help_format="markdown",
)
for name in COMMANDS:
    app.command(getattr(import_module(f"recsys_eval.commands.{name}"), name))


def main(arguments: list[str] | None = None) -> None:
    """The entry point: a mistake of the user is one line on standard error and exit code 1."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more on its way out
        complain("standard output was closed before the answer was written")
        sys.exit(ERROR_EXIT_CODE)
    except (CycloptsError, EvaluationError, ContractError, OSError) as error:
        complain(str(error))
        sys.exit(ERROR_EXIT_CODE)
    sys.exit(code if isinstance(code, int) else 0)


def complain(what: str) -> None:
    """Say in one line on standard error what is wrong."""
    Console(stderr=True, soft_wrap=True).print(f"error: {what}", markup=False, highlight=False)
