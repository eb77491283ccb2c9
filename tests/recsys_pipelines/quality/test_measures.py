from datetime import date

from recsys_pipelines.quality.measures import MEASURES, measures
from recsys_pipelines.quality.names import CHECKS
from recsys_pipelines.verdict import CheckResult, FileVerdict, Verdict

FILE = FileVerdict(file="e.csv", table="events", rows=40, accepted=30, rejected=10, repeated=0, passed=True)


def check(name: str, observed: float, *, passed: bool = True) -> CheckResult:
    return CheckResult(
        name=name, table="events", severity="warn", passed=passed, observed=observed, limit=0, detail="seen"
    )


def verdict(*checks: CheckResult) -> Verdict:
    return Verdict(tenant="shop", day=date(2026, 1, 1), passed=True, checks=checks, files=(FILE,))


def test_the_keys_are_the_same_whatever_was_checked():
    assert measures(verdict()).keys() == measures(verdict(check("events.ts.gaps", 3, passed=False))).keys()


def test_each_family_has_its_number():
    drift = [check("items.file.drift", 1, passed=False), check("events.file.drift", 2, passed=False)]

    seen = measures(verdict(check("events.event_id.unique", 0.25), *drift))

    expected = {"rejected_share": 0.25, "duplicate_share": 0.25, "columns_changed": 3, "checks_failed": 2}
    assert {name: seen[name] for name in expected} == expected


def test_every_family_is_a_check_that_exists():
    assert set(MEASURES.values()) <= CHECKS.keys()
