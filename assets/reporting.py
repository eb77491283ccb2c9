"""A graded surface as a report for people: decision, measurements, data, some users' lists, origin."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assets.choosing import Choice
from assets.grading import Graded
from assets.partitions import Scope
from data_contracts.manifest import Lineage, Window
from recsys_algo.situation import Answer
from recsys_eval import (
    Finding,
    Quality,
    QualityCheck,
    Report,
    Sample,
    SampleItem,
    System,
    TableQuality,
    Written,
    system,
    write,
)
from recsys_eval.examples import examples
from recsys_pipelines.candidate import Arrays, config_hash
from recsys_pipelines.replay import Fixture, answers
from recsys_pipelines.sufficiency import Sufficiency, read_sufficiency
from recsys_pipelines.training import window
from recsys_pipelines.verdict import Verdict, read_verdict
from recsys_pipelines.workshop import Workshop

SAMPLES = 2
SHOWN = 10  # places of a list
PAST = 5  # items of a user that a sample names


def write_report(shop: Workshop, scope: Scope, graded: Graded, fixture: Fixture, *, arrays: Arrays) -> Written:
    """The three files of one surface's report, in a folder of its own."""
    document = shop.tenant(scope.tenant).document
    span = window(document, scope.day)
    verdict = read_verdict(shop.lake, scope.tenant, scope.day)
    report = Report(
        tenant=scope.tenant,
        surface=graded.surface,
        created_at=shop.now(),
        verdict=graded.verdict,
        systems=tuple(systems(graded)),
        train=Window(span.start, fixture.cut),
        test=Window(fixture.cut, span.end),
        quality=quality(verdict) if verdict else Quality(),
        sufficiency=tuple(findings(read_sufficiency(shop.lake, scope.tenant, scope.day))),
        samples=tuple(samples(graded, fixture)),
        lineage=Lineage(data_fingerprint=arrays.data_fingerprint, config_hash=config_hash(document)),
        baseline_generation=graded.baseline.generation,
        notes=tuple(note for note in (graded.baseline.reason, graded.choice and graded.choice.reason) if note),
    )
    return write(report, report_folder(shop, scope, graded.surface))


def report_folder(shop: Workshop, scope: Scope, surface: str) -> Path:
    """Where the report of one surface goes."""
    return shop.report_folder(scope.tenant, scope.day.isoformat()) / surface


def systems(graded: Graded) -> Iterator[System]:
    """What was measured: the blend first, the incumbent, then each source alone."""
    yield system("blend, as served", "served", graded.blend)
    yield from alternative(graded.choice)
    if graded.incumbent is not None:
        yield system(f"generation {graded.baseline.generation}", "incumbent", graded.incumbent)
    for name, metrics in graded.algorithms.items():
        yield system(name, "algorithm", metrics)


def alternative(choice: Choice | None) -> Iterator[System]:
    """What the gate could have chosen instead: the plain blend, or the second stage."""
    if choice and choice.plain and choice.learned:
        learned = (f"second stage ({choice.model})", choice.learned)
        name, metrics = ("plain blend", choice.plain) if choice.chosen else learned
        yield system(name, "algorithm", metrics)


def quality(verdict: Verdict) -> Quality:
    """What went in, from the verdict on the landed files."""
    rows, rejected = Counter[str](), Counter[str]()
    for file in verdict.files:
        rows[file.table] += file.rows
        rejected[file.table] += file.rejected
    return Quality(
        tables=tuple(TableQuality(table=table, rows=rows[table], rejected=rejected[table]) for table in sorted(rows)),
        checks=tuple(
            QualityCheck(
                name=check.name, table=check.table, passed=check.passed, severity=check.severity, detail=check.detail
            )
            for check in verdict.checks
        ),
    )


def findings(found: Sufficiency | None) -> Iterator[Finding]:
    """Whether there is enough to learn from: what is too little first, then the other numbers."""
    if found is None:
        return
    for finding in found.findings:
        yield Finding(subject=spoken(finding.name), enough=False, detail=f"{finding.message}; {finding.advice}")
    missed = {finding.name for finding in found.findings}
    for name, value in found.numbers.items():
        if name not in missed:
            yield Finding(subject=spoken(name), enough=True, detail=f"{value:,g}")


def spoken(name: str) -> str:
    """The name of a number, as words."""
    return name.replace("_", " ")


def samples(graded: Graded, fixture: Fixture) -> Iterator[Sample]:
    """Users whose lists changed, beside what they get today; without an incumbent, those who are known best."""
    changed = examples(graded.blend, graded.incumbent, graded.verdict.metric)
    today = incumbent_lists(graded, [each.user_id for each in changed], fixture)
    for user, why in changed:
        yield sample(graded, fixture, user, why=why, incumbent=today.get(user))
    for user in () if changed else known_best(graded):
        yield sample(graded, fixture, user)


def known_best(graded: Graded) -> list[str]:
    """The users whose fallback is least: those about whom something was known, by id."""
    return sorted(graded.replies, key=lambda user: (graded.replies[user].fallback_level, user))[:SAMPLES]


def incumbent_lists(graded: Graded, users: Sequence[str], fixture: Fixture) -> Mapping[str, Answer]:
    """What these users get from the incumbent, in lists as long as the candidate's."""
    if graded.baseline.bundle is None or not users:
        return {}
    longest = max(len(graded.replies[user].items) for user in users)
    return answers(graded.baseline.bundle, users, max(longest, 1), fixture.cut)


def sample(graded: Graded, fixture: Fixture, user: str, *, why: str = "", incumbent: Answer | None = None) -> Sample:
    """One user's list and what it is based on, and the incumbent's, as far as a person can read it."""
    truth = set(fixture.truth.filter(user_id=user)["item_id"])
    past = fixture.train.filter(user_id=user)["item_id"].head(PAST)
    return Sample(
        user_id=user,
        why=why,
        history=tuple(title(graded, item) or item for item in past),
        items=tuple(places(graded, graded.replies[user], truth)),
        incumbent=None if incumbent is None else tuple(places(graded, incumbent, truth)),
    )


def places(graded: Graded, answer: Answer, truth: set[str]) -> Iterator[SampleItem]:
    """One user's list, with titles and whether the user chose the item in the end."""
    for item in answer.items[:SHOWN]:
        yield SampleItem(
            rank=item.rank,
            item_id=item.item_id,
            title=title(graded, item.item_id),
            reasons=item.reasons,
            hit=item.item_id in truth,
        )


def title(graded: Graded, item: str) -> str:
    """What a person reads, if the catalog says."""
    catalog = graded.bundle.catalog
    return catalog.describe(catalog.ids.find(item), ("title",)).get("title") or ""
