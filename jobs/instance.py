"""Dagster's instance under ``RECSYS_HOME/dagster``: made on first use, then left to its owner."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg

from assets.partitions import TENANTS
from data_contracts.layout import Locations


def prepare(locations: Locations) -> Path:
    """The instance's folder, with the embedded ``dagster.yaml`` if it has none."""
    home = locations.dagster
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(files("jobs").joinpath("dagster.yaml").read_text())
    return home


@contextmanager
def instance(locations: Locations) -> Iterator[dg.DagsterInstance]:
    """The instance, open; it is also what ``DAGSTER_HOME`` names for whatever runs inside."""
    home = prepare(locations)
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def register(opened: dg.DagsterInstance, tenants: Iterable[str]) -> list[str]:
    """Make the tenants known as partitions; those that were new."""
    new = sorted(set(tenants) - set(opened.get_dynamic_partitions(str(TENANTS.name))))
    opened.add_dynamic_partitions(str(TENANTS.name), new)
    return new
