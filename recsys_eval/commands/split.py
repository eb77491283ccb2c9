"""``recsys-eval split``: events into what may be learned from and what is predicted."""

from datetime import datetime
from pathlib import Path

from recsys_eval.errors import InvalidFrame
from recsys_eval.files import read_table, write_table
from recsys_eval.splits import last_k_split, time_split
from recsys_eval.spoken import aware, say


def split(events: Path, *, train: Path, test: Path, cut: datetime | None = None, last_k: int | None = None) -> int:
    """Split events by time, or hold out each user's last ones.

    `recsys-eval split events.csv --cut 2026-03-22T00:00:00Z --train train.parquet --test test.parquet`

    Parameters
    ----------
    events
        What happened: user_id, item_id, ts.
    train
        The file to write for training.
    test
        The file to write for testing.
    cut
        All before it is train, the rest is test; UTC if it has no offset.
    last_k
        Instead of a cut: hold out this many events of each user. Other users' future stays in train.
    """
    if (cut is None) == (last_k is None):
        raise InvalidFrame("say either --cut TIME or --last-k COUNT")
    rows = read_table(events)
    parts = time_split(rows, aware(cut)) if cut else last_k_split(rows, last_k or 0)
    for name, part in parts._asdict().items():
        if part.is_empty():
            raise InvalidFrame(f"{name} would have no rows of the {rows.height} in {events}; nothing was written")
    write_table(parts.train, train)
    write_table(parts.test, test)
    return say({"train": parts.train.height, "test": parts.test.height})
