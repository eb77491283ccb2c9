"""Learning second stages: for every surface that wants one, for the evaluated and for the served fit.

The second stage of a fit learns from what happened in the last ``test_days`` that the fit knows, and its lessons are
the candidates of the fit that ended before: the *stacked* fit teaches the evaluated one, the *evaluated* fit the
served one. So no source has seen the outcomes, and the evaluated second stage has seen none of the test days. What was
learned stands in the lake as ``second_stage_{fit}/tenant=/date=/{surface}.parquet``, with a record of how.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec
import polars as pl

from data_contracts.documents import SecondStage, TenantDocument
from recsys_algo.bundle import open_encoded
from recsys_algo.encode import Encoded, encode_second_stage
from recsys_algo.ranker import LAMBDAMART, ranker_arrays, weight_arrays
from recsys_pipelines.lake import Lake
from recsys_pipelines.replay import Fixture, fixture
from recsys_pipelines.second_stage.errors import NotLearned
from recsys_pipelines.second_stage.lambdamart import grown, settings_of
from recsys_pipelines.second_stage.lessons import Lesson, lesson_of, require_blind, sources_of, users_with_hits
from recsys_pipelines.second_stage.weights import best_weights
from recsys_pipelines.training import Fit, encoded

TEACHERS: dict[Fit, Fit] = {"evaluated": "stacked", "served": "evaluated"}
LEAST_USERS = 30  # with hits: fewer say nothing about an order
NDCG_AT = 10  # what learned weights are searched for, as trees are

Status = Literal["learned", "too_few_users"]


class Taught(msgspec.Struct, frozen=True, kw_only=True):
    """How one second stage was learned: from whom, and what came of it.

    ``users`` acted in the outcomes' days, ``hits`` counts candidates that turned out right; ``size`` is the number of
    weights or of nodes. ``weights`` are those that were learned, where weights were.
    """

    surface: str
    fit: Fit
    asked: SecondStage
    status: Status
    users: int
    users_with_hits: int
    candidates: int
    hits: int
    size: int = 0
    weights: dict[str, float] = {}


class Lessons(msgspec.Struct, frozen=True, kw_only=True):
    """All second stages of a tenant's day."""

    taught: tuple[Taught, ...]


def surfaces_with(document: TenantDocument) -> dict[str, SecondStage]:
    """The surfaces that want a second stage, by name. Raises ``InvalidDocument`` for settings that no model takes."""
    wanted = {surface: document.on(surface).second_stage for surface in sorted(document.surfaces)}
    for surface, each in wanted.items():
        if each is not None:
            settings_of(each.settings, f"tenant {document.tenant!r}, surface {surface!r}, second_stage.settings")
    return {surface: each for surface, each in wanted.items() if each is not None}


def learn(document: TenantDocument, lake: Lake, day: date) -> Lessons:
    """Learn every second stage of the day into the lake; a tenant without any gets an empty record and no work.

    Raises ``Leak``, ``MissingExtra``, ``InvalidDocument``.
    """
    wanted = surfaces_with(document)
    taught = [each for fit in TEACHERS if wanted for each in _of_fit(document, lake, day, fit)]
    lessons = Lessons(taught=tuple(taught))
    if wanted:
        lake.write_json("second_stage", document.tenant, day, lessons)
    return lessons


def second_stages(document: TenantDocument, lake: Lake, day: date, fit: Fit, *, folder: Path) -> list[Encoded]:
    """What was learned for the fit, as artifacts; surfaces with too few users have none. Raises ``NotLearned``."""
    wanted = surfaces_with(document)
    if not wanted or fit not in TEACHERS:
        return []
    record = lake.read_json("second_stage", document.tenant, day, Lessons)
    found = {each.surface: each for each in (record.taught if record else ()) if each.fit == fit}
    if {surface: each.asked for surface, each in found.items()} != wanted:
        raise NotLearned(
            f"the second stage of {document.tenant!r} for {day} was not learned, or with other settings than the "
            f"document's: it is wanted on {', '.join(wanted)}; run the asset second_stage of that day again"
        )
    learned = [each for each in found.values() if each.status == "learned"]
    return [_encoded(document, lake, day, each, folder=folder) for each in learned]


def _of_fit(document: TenantDocument, lake: Lake, day: date, fit: Fit) -> Iterator[Taught]:
    teacher = TEACHERS[fit]
    asked = fixture(document, lake, day, after=teacher)
    require_blind(lake.read(f"interactions_{teacher}", document.tenant, day), asked, teacher)
    with TemporaryDirectory(prefix="recsys-") as folder:
        artifacts = encoded(document, lake, day, teacher, folder=Path(folder))
        for surface, wanted in surfaces_with(document).items():
            found = _lesson(document, surface, artifacts, asked)
            taught = _described(found, surface, fit, wanted)
            yield _taught(document, lake, day, taught, lesson=found)


def _lesson(document: TenantDocument, surface: str, artifacts: list[Encoded], asked: Fixture) -> Lesson:
    return lesson_of(open_encoded(document.tenant, surface, artifacts, document.on(surface), asked.cut), asked)


def _described(found: Lesson, surface: str, fit: Fit, wanted: SecondStage) -> Taught:
    users = len(users_with_hits(found))
    return Taught(
        surface=surface,
        fit=fit,
        asked=wanted,
        status="learned" if users >= LEAST_USERS else "too_few_users",
        users=len(found.wanted),
        users_with_hits=users,
        candidates=len(found.user),
        hits=int(found.relevant.sum()),
    )


def _taught(document: TenantDocument, lake: Lake, day: date, taught: Taught, *, lesson: Lesson) -> Taught:
    """Learn, unless there are too few users, and keep the table."""
    if taught.status != "learned":
        return taught
    if taught.asked.model == LAMBDAMART:
        table = grown(lesson, settings_of(taught.asked.settings, taught.surface))
        weights = {}
    else:
        weights = _weights(document, taught.surface, lesson)
        table = pl.DataFrame({"source": list(weights), "weight": list(weights.values())})
    lake.write(f"second_stage_{taught.fit}", document.tenant, day, table, part=taught.surface)
    return msgspec.structs.replace(taught, size=table.height, weights=weights)


def _weights(document: TenantDocument, surface: str, lesson: Lesson) -> dict[str, float]:
    """Learned from the document's own weights on, which only something better replaces."""
    own = document.on(surface).weights
    start = [own[source] for source in lesson.sources]
    return dict(zip(lesson.sources, best_weights(lesson.sources, lesson.lists, NDCG_AT, [start]), strict=True))


def _encoded(document: TenantDocument, lake: Lake, day: date, taught: Taught, *, folder: Path) -> Encoded:
    table = lake.read(f"second_stage_{taught.fit}", document.tenant, day, part=taught.surface)
    if taught.asked.model == LAMBDAMART:
        sources = sources_of(document.on(taught.surface))
        return encode_second_stage(taught.surface, ranker_arrays(sources, table.to_dict(as_series=False)), folder)
    return encode_second_stage(taught.surface, weight_arrays(dict(table.iter_rows())), folder)
