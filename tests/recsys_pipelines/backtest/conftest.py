"""What the tests of backtests share: rows as files, and questions made of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from recsys_pipelines.backtest.data import Columns, read_events

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def frame(rows):
    """Events from (user, item, day) rows, as a file would have them."""
    return pl.DataFrame(
        [(user, item, (BEGIN + timedelta(days=day)).isoformat()) for user, item, day in rows],
        schema=["user_id", "item_id", "timestamp"],
        orient="row",
    )


def checkerboard(users, items):
    """Even users had even items and odd ones odd ones, one a day, each but the item that has their number."""
    return [
        (f"u{user}", f"i{item}", item)
        for user in range(users)
        for item in range(items)
        if user % 2 == item % 2 and user != item
    ]


@pytest.fixture
def world(tmp_path: Path) -> SimpleNamespace:
    """Makes files and events."""

    def write(name, rows):
        path = tmp_path / name
        table = rows if isinstance(rows, pl.DataFrame) else frame(rows)
        table.write_parquet(path) if path.suffix == ".parquet" else table.write_csv(path)
        return path

    def events(rows):
        return read_events(write("rows.csv", rows), Columns())

    return SimpleNamespace(write=write, events=events, checkerboard=checkerboard, begin=BEGIN)
