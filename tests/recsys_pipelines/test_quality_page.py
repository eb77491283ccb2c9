import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from recsys_pipelines.quality_page import page, write_page
from recsys_pipelines.verdict import CheckResult, FileVerdict, Reason, Verdict

EVIL = "<script>alert('x')</script>&\"'"
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """What a browser would see: open tags, attributes and text."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.said: list[str] = []
        self.feed(body)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"src", "href", "action"}]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += [data.strip()] if data.strip() and self.open[-1] != "style" else []


def check(name: str, *, passed: bool, severity: str = "block", examples: tuple[str, ...] = ()) -> CheckResult:
    return CheckResult(
        name=name,
        table="events",
        severity=severity,
        passed=passed,
        observed=0.5,
        limit=0.1,
        detail=f"what {name} saw",
        files=() if passed else ("events.csv",),
        examples=examples,
    )


def verdict(*checks: CheckResult, examples: tuple[str, ...] = ("hover",), file: str = "events.csv") -> Verdict:
    reasons = (Reason(rule="type: one of view", rows=600, examples=examples),)
    files = (
        FileVerdict(
            file=file,
            table="events",
            rows=1_200,
            accepted=590,
            rejected=600,
            repeated=10,
            passed=not any(each.blocks for each in checks),
            reasons=reasons,
        ),
    )
    blocked = any(each.blocks for each in checks)
    return Verdict(tenant="demo", day=date(2026, 1, 8), passed=not blocked, checks=checks, files=files)


BLOCKED = verdict(check("good", passed=True), check("bad", passed=False), check("odd", passed=False, severity="warn"))


def test_the_page_says_what_was_checked_and_what_came_of_it():
    said = Reader(page(BLOCKED)).said

    assert "Data quality: demo, 2026-01-08" in said
    assert [word for word in said if word in {"blocked", "warning", "passed"}] == [
        "blocked",
        "warning",
        "blocked",  # the file, after the checks that failed
        "passed",
    ]
    assert {"1,200", "590", "600", "10", "type: one of view", "hover", "what bad saw"} <= set(said)
    assert any("1 of 3 checks passed" in text and "The batch is blocked" in text for text in said)


def test_a_good_batch_may_be_used():
    said = " ".join(Reader(page(verdict(check("good", passed=True)))).said)

    assert "The data may be used." in said
    assert "blocked" not in said


def test_the_page_needs_no_network_and_no_script():
    body = page(BLOCKED)
    reader = Reader(body)

    assert reader.links == []
    assert reader.tags & {"script", "link", "img", "iframe"} == set()
    assert re.findall(r"https?:|url\(|@import", body) == []


@pytest.mark.parametrize(
    "evil",
    [
        pytest.param(verdict(check("bad", passed=False), examples=(EVIL,)), id="a rejected value"),
        pytest.param(verdict(check("bad", passed=False, examples=(EVIL,))), id="an example"),
        pytest.param(verdict(check("bad", passed=False), file=EVIL), id="the name of a file"),
    ],
)
def test_what_comes_from_data_is_text(evil):
    reader = Reader(page(evil))

    assert "script" not in reader.tags
    assert EVIL in "".join(reader.said)


def test_every_tag_is_closed():
    assert Reader(page(BLOCKED)).open == []


def test_the_page_is_written_into_the_folder(tmp_path):
    path = write_page(BLOCKED, tmp_path / "reports" / "demo")

    assert path == tmp_path / "reports" / "demo" / "quality.html"
    assert path.read_text(encoding="utf-8") == page(BLOCKED)


def test_a_strip_has_a_bar_for_every_verdict_until_this_one_and_says_which_failed():
    days = [BLOCKED.day - timedelta(days=n) for n in range(3, -2, -1)]
    good = verdict(check("bad", passed=True))
    past = [replace(BLOCKED if n == 1 else good, day=day) for n, day in enumerate(days)]

    said = Reader(page(BLOCKED, past)).said

    assert "4 verdicts: 2026-01-06 blocked, 2026-01-08 blocked" in said
    assert "The last 4 verdicts" in said


def test_a_check_that_is_new_has_a_strip_of_its_own_days():
    earlier = replace(verdict(check("bad", passed=True)), day=BLOCKED.day - timedelta(days=1))

    said = Reader(page(BLOCKED, [earlier])).said

    assert "1 verdicts: 2026-01-08 warning" in said


def test_files_of_which_every_row_was_accepted_are_folded():
    whole = FileVerdict(file="fine.csv", table="events", rows=5, accepted=5, rejected=0, repeated=0, passed=True)

    reader = Reader(page(replace(BLOCKED, files=(*BLOCKED.files, whole))))

    assert "1 files of which every row was accepted" in reader.said
    assert reader.said.index("events.csv") < reader.said.index("fine.csv")
