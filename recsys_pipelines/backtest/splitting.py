"""From events to questions: what is known, whom it is asked for, what would be right.

``given`` takes the test file as it is. The splits that are made here ask for what is new to a user, unless
``keep_seen``: test pairs that the user had in train do not count, as they may not be recommended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from recsys_eval.splits import Split, last_k_split, time_folds, time_split
from recsys_pipelines.backtest.data import catalog, identified, is_dated
from recsys_pipelines.backtest.errors import UnknownChoice, UnusableFile
from recsys_pipelines.backtest.preparing import Question

Kind = Literal["given", "time", "last-k", "folds"]
TEST_SHARE = 0.2  # of the events, where no cut is given


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How events are split, and what may be recommended.

    ``cut``: where the test begins; by default, where the last fifth of the events does. ``folds`` periods of
    ``fold_days`` end with the newest event. ``truth_types``: events of the test that count, by default all.
    """

    kind: Kind
    cut: datetime | None = None
    last_k: int = 1
    folds: int = 3
    fold_days: float = 7.0
    keep_seen: bool = False
    truth_types: tuple[str, ...] = ()


class Sides(NamedTuple):
    """What the user gave beside the events: items that exist, pairs that may be ranked."""

    items: pl.DataFrame | None = None
    candidates: pl.DataFrame | None = None


class Posed(NamedTuple):
    """The questions, and what a reader of their answers must know."""

    questions: tuple[Question, ...]
    warnings: tuple[str, ...]


def given(train: pl.DataFrame, test: pl.DataFrame, plan: Plan, sides: Sides) -> Posed:
    """One question from two files."""
    train, nobodies = identified(train, "train")
    test, others = identified(test, "test")
    leaks = _leaks(train, test)
    later = is_dated(train) and is_dated(test) and not leaks
    question = _question(Split(train, _counting(test, plan)), plan, sides, later=later)
    return Posed((question,), (*nobodies, *others, *leaks, *_losses(question, plan)))


def known(events: pl.DataFrame, sides: Sides, *, later: bool) -> Question:
    """A question that asks for nothing: something to make inner folds of."""
    events, _ = identified(events, "train")
    none = events.select("user_id", "item_id").clear()
    return Question(events=events, catalog=_catalog(events, sides), truth=none, barred=none, later=later)


def split(events: pl.DataFrame, plan: Plan, sides: Sides) -> Posed:
    """Questions from one file, as planned. Raises ``UnusableFile`` where a side would be empty."""
    events, nobodies = identified(events, "the interactions")
    if not is_dated(events):
        raise UnusableFile(
            f"--split {plan.kind} needs times: name the column with --timestamp-column, or split the file yourself and "
            "give --train and --test"
        )
    parts = [_new_only(part._replace(test=_counting(part.test, plan)), plan) for part in _parts(events, plan)]
    questions = tuple(_question(part, plan, sides, later=plan.kind != "last-k") for part in parts)
    return Posed(questions, (*nobodies, *(line for question in questions for line in _losses(question, plan))))


def inner(question: Question, plan: Plan, seed: int) -> Question:
    """One question made of what a question knows."""
    return inner_folds(question, plan, seed, 1)[0]


def inner_folds(question: Question, plan: Plan, seed: int, folds: int) -> list[Question]:
    """Questions made of what a question knows, and of nothing else: to tune on, or to learn weights from.

    They are split like the question: by time where its test comes after train, by each user's last events where it
    does that, and otherwise at random.
    """
    if plan.kind == "last-k":
        parts = _last_of_what_is_left(question.events, plan.last_k, folds)
    elif question.later:
        parts = _one_after_the_other(question.events, folds)
    else:
        parts = _at_random(question.events, folds, seed)
    counting = [part._replace(test=_counting(part.test, plan)) for part in parts]
    return [_question(_new_only(part, plan), plan, Sides(question.catalog), later=question.later) for part in counting]


def _one_after_the_other(events: pl.DataFrame, folds: int) -> list[Split]:
    """The last events in ``folds`` parts of equal size, at most half of all together; each knows all before it."""
    ordered = events.sort("ts", "user_id", "item_id", "event_id")
    size = max(1, int(events.height * min(TEST_SHARE, 0.5 / folds)))
    starts = [events.height - size * (folds - number) for number in range(folds)]
    return [Split(ordered.head(start), ordered.slice(start, size)) for start in starts]


def _last_of_what_is_left(events: pl.DataFrame, last_k: int, folds: int) -> list[Split]:
    """Each user's last events, then those before them, and so on."""
    parts = []
    for _ in range(folds):
        parts.append(Split(*last_k_split(events, last_k)))
        events = parts[-1].train
    return parts


def _at_random(events: pl.DataFrame, folds: int, seed: int) -> list[Split]:
    """Disjoint parts of the pairs, a quarter of them each, or less where there are more than four folds."""
    pairs = events.select("user_id", "item_id").unique().sort("user_id", "item_id")
    draws = np.random.default_rng(seed).permutation(pairs.height) % max(folds, 4)
    numbered = events.join(pairs.with_columns(part=draws), on=["user_id", "item_id"], maintain_order="left")
    part = numbered["part"]
    return [Split(events.filter(part != number), events.filter(part == number)) for number in range(folds)]


def _new_only(part: Split, plan: Plan) -> Split:
    """What the user had before does not count, unless it may be recommended."""
    if plan.keep_seen:
        return part
    return part._replace(test=part.test.join(part.train, on=["user_id", "item_id"], how="anti", maintain_order="left"))


def _parts(events: pl.DataFrame, plan: Plan) -> list[Split]:
    match plan.kind:
        case "time":
            return [time_split(events, plan.cut or _share_cut(events))]
        case "last-k":
            return [last_k_split(events, plan.last_k)]
        case "folds":
            newest: datetime = events["ts"].max()  # type: ignore[assignment]
            end = newest + timedelta(microseconds=1)
            return [
                Split(fold.train, fold.test)
                for fold in time_folds(events, end, plan.folds, timedelta(days=plan.fold_days))
            ]
        case "given":
            raise UnknownChoice("--split given needs --train and --test instead of --interactions")


def _share_cut(events: pl.DataFrame) -> datetime:
    cut: datetime = events["ts"].sort()[int(events.height * (1 - TEST_SHARE))]
    return cut


def _counting(test: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    return test.filter(pl.col("type").is_in(plan.truth_types)) if plan.truth_types else test


def _question(part: Split, plan: Plan, sides: Sides, *, later: bool) -> Question:
    if part.train.is_empty() or part.test.is_empty():
        side = "train" if part.train.is_empty() else "test"
        raise UnusableFile(
            f"{side} would have no rows ({part.train.height} train, {part.test.height} test): choose another cut, "
            "other --truth-types, or --keep-seen where people come back for the same items"
        )
    pairs = part.train.select("user_id", "item_id").unique(maintain_order=True)
    return Question(
        events=part.train,
        catalog=_catalog(part.train, sides),
        truth=part.test.select("user_id", "item_id").unique().sort("user_id", "item_id"),
        barred=pairs.clear() if plan.keep_seen else pairs,
        allowed=sides.candidates,
        later=later,
    )


def _catalog(train: pl.DataFrame, sides: Sides) -> pl.DataFrame:
    """The items given; else those of train and, where there are candidates, of these."""
    if sides.items is not None:
        return sides.items
    tables: Sequence[pl.DataFrame] = [train] if sides.candidates is None else [train, sides.candidates]
    return catalog(pl.concat([table.select("item_id") for table in tables]).unique().sort("item_id"))


def _leaks(train: pl.DataFrame, test: pl.DataFrame) -> list[str]:
    """Whether train knows the time of the test."""
    if not (is_dated(train) and is_dated(test)):
        return []
    end: datetime = train["ts"].max()  # type: ignore[assignment]
    early = test.filter(pl.col("ts") <= end).height
    told = (
        f"leak: {early} of {test.height} test events are not after the last of train ({end:%Y-%m-%d %H:%M:%S}): models "
        "know the future of what they predict, so expect less in use"
    )
    return [told] if early else []


def _losses(question: Question, plan: Plan) -> list[str]:
    """What no model can find, and who cannot be known."""
    truth, users = question.truth, question.truth["user_id"].n_unique()
    strangers = users - truth.join(question.events, on="user_id", how="semi")["user_id"].n_unique()
    had = 0 if plan.keep_seen else truth.join(question.barred, on=["user_id", "item_id"], how="semi").height
    unknown = truth.join(question.catalog, on="item_id", how="anti").height
    if strangers == users:
        raise UnusableFile(
            f"train and test have no user in common, such as {truth['user_id'][0]!r} of test: are ids written alike?"
        )
    pairs = f"of {truth.height} test pairs are"
    told = {
        f"{strangers} of {users} users of the test are not in train: personal models give them nothing": strangers,
        f"{had} {pairs} in train too and count as missed: what a user had is not recommended (see --keep-seen)": had,
        f"{unknown} {pairs} of items that are not in the catalog: nobody can find them": unknown,
    }
    return [line for line, count in told.items() if count] + _losses_to_candidates(question)


def _losses_to_candidates(question: Question) -> list[str]:
    """What cannot be found because of the candidates that were given."""
    truth, users = question.truth, question.truth["user_id"].n_unique()
    if question.allowed is None:
        return []
    allowed = question.allowed.join(truth, on="user_id", how="semi")
    nobody = users - allowed["user_id"].n_unique()
    absent = truth.join(allowed, on=["user_id", "item_id"], how="anti").height
    had = allowed.join(question.barred, on=["user_id", "item_id"], how="semi").height
    told = {
        f"{nobody} of {users} users of the test have no candidates: nothing is recommended to them": nobody,
        f"{absent} of {truth.height} test pairs are no candidates of their users: nobody can find them": absent,
        f"{had} of {allowed.height} candidates are in train too and are not ranked (see --keep-seen)": had,
    }
    return [line for line, count in told.items() if count]
