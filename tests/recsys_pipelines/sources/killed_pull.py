"""Pull a table, and be killed at the record of the landed files: URL LANDING CURSOR before|after NUMBER."""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.directory import DirectoryBlobs
from data_contracts.source_specs import Postgres, SourceSpec
from recsys_pipelines.sources.postgres import PostgresSource
from recsys_pipelines.sources.source import Place


class Deadly(DirectoryBlobs):
    """A store in which one swap is the last thing that happens, or the last thing that does not."""

    def __init__(self, root: Path, moment: str, number: int) -> None:
        super().__init__(root)
        self.moment, self.left = moment, number

    def replace(self, key: str, body: bytes, tag: str | None) -> str:
        self.left -= 1
        if not self.left and self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().replace(key, body, tag)
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def main(url: str, landing: str, cursor: str, *death: str) -> None:
    moment, number = death
    settings = Postgres(url="${SHOP}", table="t", cursor=cursor or None, batch_rows=2)
    place = Place("acme", Path(landing), {"SHOP": url}, Deadly(Path(landing), moment, int(number)))
    PostgresSource(SourceSpec(postgres=settings), place).pull(datetime(2026, 6, 1, tzinfo=UTC))


if __name__ == "__main__":
    main(*sys.argv[1:])
