"""``recsys-eval interleave``: which of two rankings people prefer, from answers that held both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt

from recsys_eval.errors import InvalidFrame
from recsys_eval.exposures import Reward, log_files, places, read_exposures, rewarded
from recsys_eval.files import read_table
from recsys_eval.interleaving.preference import preference
from recsys_eval.spoken import say


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Answers:
    """Where the interleaved answers come from: a table, or what the server wrote."""

    shown: Path | None = None
    "A table of shown places: request_id, item_id, team (a, b, or empty), reward; user_id."
    exposures: Annotated[tuple[Path, ...], Parameter(negative="", consume_multiple=True)] = ()
    "Instead: logs of the server (.jsonl, .jsonl.gz), or folders of them."
    outcomes: Path | None = None
    "What came of it: request_id, item_id, type (click, add, purchase); value."
    reward: Reward = "click"
    "Which outcome is a credit of 1, or `value`, what purchases were worth."
    surface: str | None = None
    "Only what was shown there."

    def rows(self) -> pl.DataFrame:
        """One row per shown place with its team and reward."""
        if (self.shown is None) == (not self.exposures):
            raise InvalidFrame("say either --shown FILE or --exposures FILES with --outcomes FILE")
        if self.shown is not None:
            return read_table(self.shown)
        if self.outcomes is None:
            raise InvalidFrame("--exposures needs --outcomes: without what came of it nobody wins")
        shown = places(read_exposures(log_files(self.exposures)), self.surface)
        return rewarded(shown, read_table(self.outcomes), self.reward)


def interleave(
    answers: Answers | None = None,
    *,
    confidence: float = 0.95,
    resamples: PositiveInt = 2_000,
    seed: NonNegativeInt = 0,
) -> int:
    """Which of two rankings people prefer, from team-draft interleaved answers.

    `recsys-eval interleave --shown shown.csv`

    `recsys-eval interleave --exposures exposures/ --outcomes outcomes.jsonl --surface home`

    Parameters
    ----------
    confidence
        Of the interval, and 1 less the level of the test.
    resamples
        Of the bootstrap over users.
    seed
        The same files and seed give the same result.
    """
    if not 0 < confidence < 1:
        raise InvalidFrame(f"--confidence is {confidence}; it lies between 0 and 1")
    rows = (answers or Answers()).rows()
    return say(preference(rows, confidence=confidence, resamples=resamples, seed=seed))
