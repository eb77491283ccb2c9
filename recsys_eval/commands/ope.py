"""``recsys-eval ope``: what another policy would have earned."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveFloat, PositiveInt

from recsys_eval.errors import InvalidFrame
from recsys_eval.exposures import Reward, log_files, places, read_exposures, rewarded
from recsys_eval.files import read_table
from recsys_eval.ope.evaluation import Options, off_policy
from recsys_eval.ope.logged import logged
from recsys_eval.spoken import say

Paths = Annotated[tuple[Path, ...], Parameter(negative="", consume_multiple=True)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the log comes from: a table, or what the server wrote."""

    log: Path | None = None
    "A table of shown places: request_id, item_id, reward, propensity; rank, user_id, target, predicted, expected, x_*."
    exposures: Paths = ()
    "Instead: logs of the server (.jsonl, .jsonl.gz), or folders of them."
    outcomes: Path | None = None
    "What came of it: request_id, item_id, type (click, add, purchase); value."
    reward: Reward = "click"
    "Which outcome is a reward of 1, or `value`, what purchases were worth."
    surface: str | None = None
    "Only what was shown there."

    def rows(self) -> pl.DataFrame:
        """One row per shown place with its reward."""
        if (self.log is None) == (not self.exposures):
            raise InvalidFrame("say either --log FILE or --exposures FILES with --outcomes FILE")
        if self.log is not None:
            return read_table(self.log)
        if self.outcomes is None:
            raise InvalidFrame("--exposures needs --outcomes: without what came of it there is no reward")
        shown = places(read_exposures(log_files(self.exposures)), self.surface)
        return rewarded(shown, read_table(self.outcomes), self.reward)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to estimate."""

    clip: PositiveFloat | None = None
    "No weight above this one."
    switch: PositiveFloat = 10.0
    "Above this weight switch-dr believes the model alone."
    confidence: float = 0.95
    "Of the intervals."
    resamples: PositiveInt = 2_000
    "Of the bootstrap."
    seed: NonNegativeInt = 0
    "The same files and seed give the same result."

    def options(self) -> Options:
        """The options, if they are in their ranges."""
        if not 0 < self.confidence < 1:
            raise InvalidFrame(f"--confidence is {self.confidence}; it lies between 0 and 1")
        return Options(
            clip=self.clip,
            switch=self.switch,
            confidence=self.confidence,
            resamples=self.resamples,
            seed=self.seed,
        )


def ope(source: Source | None = None, manner: Manner | None = None, *, target: Path | None = None) -> int:
    """What another policy would have earned, from a log with propensities; read its warnings first.

    `recsys-eval ope --log log.csv --target target.csv`

    `recsys-eval ope --exposures exposures/ --outcomes outcomes.jsonl --target target.csv --reward click`

    Parameters
    ----------
    target
        All that the new policy would do: item_id, probability, and rank or request_id where it depends on them. Not
        needed where the log has a column `target`, the new policy's probability of what was shown.
    """
    options = (manner or Manner()).options()
    rows = (source or Source()).rows()
    return say(off_policy(logged(rows, None if target is None else read_table(target)), options))
