"""Worlds in which the value of every policy is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest


@dataclass(frozen=True)
class World:
    """Situations with as many chances of an action, under the old and the new policy, and of a click on it.

    Which action is good depends on the situation, so a model that adds up effects is wrong here.
    """

    old: np.ndarray
    new: np.ndarray
    click: np.ndarray

    @property
    def truth(self) -> float:
        """The new policy's click rate; situations are equally likely."""
        return float((self.new * self.click).sum(axis=1).mean())

    def log(self, rng: np.random.Generator, decisions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What the old policy did, and all that the new one would do in each of these answers."""
        situation = rng.integers(len(self.old), size=decisions)
        action = (rng.random((decisions, 1)) > self.old.cumsum(axis=1)[situation]).sum(axis=1)
        ids = [f"r{n:05d}" for n in range(decisions)]
        log = pl.DataFrame(
            {
                "request_id": ids,
                "item_id": action.astype(str),
                "reward": (rng.random(decisions) < self.click[situation, action]).astype(float),
                "propensity": self.old[situation, action],
                **{f"x_{n}": (situation == n).astype(float) for n in range(len(self.old))},
            }
        )
        actions = self.new.shape[1]
        target = pl.DataFrame(
            {
                "request_id": np.repeat(ids, actions),
                "item_id": np.tile(np.arange(actions).astype(str), decisions),
                "probability": self.new[situation].ravel(),
            }
        )
        return log, target


@dataclass(frozen=True)
class Slates:
    """Answers of two different items, drawn one after the other; below a good item a click is less likely.

    ``old`` and ``new`` are chances of (first, second) items, ``click`` of a click on an item that stands alone.
    """

    old: np.ndarray
    new: np.ndarray
    click: np.ndarray

    def second(self, first: np.ndarray) -> np.ndarray:
        """The chances of a click on each item below these."""
        return self.click * (1 - self.click[first])[:, None]

    @property
    def truth(self) -> float:
        """The clicks per answer of the new policy: over all pairs of items, nothing drawn."""
        below = self.second(np.arange(self.click.size))
        return float((self.new * (self.click[:, None] + below)).sum())

    def logs(self, rng: np.random.Generator, answers: int) -> dict[str, pl.DataFrame]:
        """The same answers with the chances of an item at its place, and with those of an item below another."""
        items = self.click.size
        first, second = np.divmod(rng.choice(items * items, p=self.old.ravel(), size=answers), items)
        clicks = rng.random((answers, 2)) < np.stack(
            [self.click[first], self.second(first)[np.arange(answers), second]], axis=1
        )
        place = {
            "request_id": np.repeat([f"r{n:05d}" for n in range(answers)], 2),
            "rank": np.tile([1, 2], answers),
            "item_id": np.stack([first, second], axis=1).ravel().astype(str),
            "reward": clicks.ravel().astype(float),
        }
        found = {}
        for name, below in (("marginal", _anywhere), ("conditional", _given)):
            chances = [
                np.stack([policy.sum(axis=1)[first], below(policy)[first, second]], axis=1).ravel()
                for policy in (self.old, self.new)
            ]
            found[name] = pl.DataFrame(place | dict(zip(("propensity", "target"), chances, strict=True)))
        return found


def _anywhere(policy: np.ndarray) -> np.ndarray:
    """The chance of an item on the second place, whatever stands above."""
    return np.tile(policy.sum(axis=0), (len(policy), 1))


def _given(policy: np.ndarray) -> np.ndarray:
    return policy / policy.sum(axis=1, keepdims=True)


def drawn(weights: np.ndarray) -> np.ndarray:
    """The chances of two items drawn one after the other, by weight and without putting back."""
    left = np.where(np.eye(weights.size, dtype=bool), 0.0, weights[None, :])
    return (weights / weights.sum())[:, None] * left / left.sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def slates() -> Slates:
    """4 items; the new policy likes those that are clicked more."""
    return Slates(
        drawn(np.array([1.2, 1.0, 0.8, 1.0])), drawn(np.array([1.0, 2.0, 3.0, 1.0])), np.array([0.2, 0.4, 0.6, 0.1])
    )


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def world() -> World:
    """4 situations, 5 actions; the new policy knows better what to show than the old one."""
    rng = np.random.default_rng(40)
    click = rng.uniform(0.05, 0.6, (4, 5))
    return World(softmax(rng.normal(0, 0.7, (4, 5))), softmax(3.0 * click), click)


@pytest.fixture
def small() -> Callable[..., pl.DataFrame]:
    """Two answers of two places each, with the columns that are given changed."""

    def made(**columns: list[object]) -> pl.DataFrame:
        log = {
            "request_id": ["a", "a", "b", "b"],
            "item_id": ["x", "y", "x", "z"],
            "rank": [1, 2, 1, 2],
            "reward": [1.0, 0.0, 0.0, 1.0],
            "propensity": [0.5, 0.5, 0.5, 0.25],
            "target": [0.5, 0.25, 0.5, 0.5],
        }
        return pl.DataFrame(log | columns, strict=False)

    return made
