"""What it takes to be searched for a person, and cleaned: a keeper knows its keys, counts in one, and cleans one."""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How often one key of a store holds a person."""

    store: str
    key: str
    count: int


class Keeper(Protocol):
    """One kind of store. ``method`` says in words what counts as holding somebody."""

    @property
    def store(self) -> str:
        """Its name in reports."""

    @property
    def method(self) -> str:
        """How it is searched."""

    def keys(self) -> Iterator[str]:
        """Everything that may hold somebody."""

    def count(self, key: str) -> int:
        """How often the key holds the person; 0 for what is gone meanwhile."""

    def clean(self, key: str) -> None:
        """Take the person out of it, whole or not at all."""


def searched(keeper: Keeper) -> Iterator[Held]:
    """Where the person is."""
    for key in keeper.keys():  # noqa: SIM118  (a keeper is no mapping)
        if count := keeper.count(key):
            yield Held(store=keeper.store, key=key, count=count)


def cleaned(keeper: Keeper) -> Iterator[Held]:
    """Where the person was, and is no more."""
    for held in list(searched(keeper)):
        keeper.clean(held.key)
        yield held
