"""`recsys generate`: a synthetic shop with known structure, of any size."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from data_contracts.errors import ContractError


def generate(  # noqa: PLR0913  (the options of one generator)
    out: Path,
    *,
    users: int = 600,
    items: int = 300,
    events: int = 8_000,
    days: int = 28,
    seed: int = 1,
    format: Literal["csv", "parquet"] = "csv",
) -> None:
    """Write items, users and events of a made-up shop, the same for the same seed.

    Parameters
    ----------
    out
        Folder to write to.
    users
        How many users.
    items
        How many items.
    events
        How many events.
    days
        Over how many days.
    seed
        Another seed, another shop.
    format
        csv or parquet.
    """
    from recsys_pipelines.synthetic import write_shop  # noqa: PLC0415  (numpy and Polars: 0.5 s)

    try:
        write_shop(out, users=users, items=items, events=events, days=days, seed=seed, file_format=format)
    except ValueError as error:
        raise ContractError(str(error)) from error
    Console().print(f"wrote {events:,} events of {users:,} users on {items:,} items to {out}")
