import html
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import msgspec
import polars as pl
import pytest

import recsys_eval.report
from data_contracts.manifest import Lineage, Window
from recsys_eval.errors import UnreadableFile
from recsys_eval.facts import (
    Estimate,
    Finding,
    Quality,
    QualityCheck,
    Report,
    Sample,
    SampleItem,
    Served,
    System,
    TableQuality,
)
from recsys_eval.metrics import Metrics
from recsys_eval.pages import HEADLINES, change, foremost, gone, markdown, ordered
from recsys_eval.report import read, schema, system, write
from recsys_eval.verdict import Check, SliceValue, Verdict

HOSTILE = "<script>alert(1)</script>\"' | `x` [y](javascript:z) {{ 7 * 7 }}"
SCHEMA = Path(recsys_eval.report.__file__).parent / "report.schema.json"


def report(text: str = "plain", **changes: object) -> Report:
    """A full report in which every text that comes from outside holds ``text``."""
    day = datetime(2026, 3, 22, tzinfo=UTC)
    whole = Report(
        tenant=f"demo {text}",
        surface=f"home {text}",
        created_at=datetime(2026, 3, 29, 2, 0, tzinfo=UTC),
        verdict=Verdict(
            decision="promoted",
            reason=f"ndcg@10 0.2200 against 0.2000 {text}",
            metric="ndcg@10",
            users=312,
            candidate=0.22,
            incumbent=0.2,
            difference=0.1,
            low=-0.01,
            high=0.21,
            better=61,
            worse=48,
            tolerance=0.02,
            suspicious_gain=0.5,
            checks=(
                Check(name="users", passed=True, detail=f"312 users {text}"),
                Check(name="coverage", passed=False, detail="too small"),
            ),
            slices=(
                part("segment", f"vip {text}", users=42, difference=-0.31, moved="down"),
                part("user history", "cold", users=90, difference=0.02),
                part("user history", "hot", users=180, difference=0.2, moved="up"),
            ),
        ),
        systems=(
            System(name=f"popularity {text}", kind="algorithm", metrics={"ndcg@10": 0.1, "coverage@10": 0.04}),
            System(name="als", kind="algorithm", metrics={"ndcg@10": 0.15}, intervals={"ndcg@10": (0.12, 0.18)}),
            System(name="generation 3", kind="incumbent", metrics={"ndcg@10": 0.2, "coverage@10": 0.5}),
            System(
                name="as served",
                kind="served",
                metrics={"ndcg@10": 0.22, "coverage@10": 0.51, "ndcg@5": 0.3, "empty_rate": 0.0},
                intervals={"ndcg@10": (0.19, 0.25)},
            ),
        ),
        train=Window(datetime(2026, 3, 1, tzinfo=UTC), day),
        test=Window(day, datetime(2026, 3, 29, tzinfo=UTC)),
        quality=Quality(
            tables=(TableQuality(table=f"events {text}", rows=7951, rejected=49),),
            checks=(
                QualityCheck(name=f"unknown items {text}", table="events", passed=False, severity="warn", detail=text),
                QualityCheck(name="type", table="events", passed=True),
            ),
        ),
        samples=(
            Sample(
                user_id=f"u1 {text}",
                history=(f"shoe {text}",),
                items=(
                    SampleItem(rank=1, item_id=f"sku-1 {text}", title=f"Lamp {text}", reasons=(text, "popular")),
                    SampleItem(rank=2, item_id="sku-2", hit=True),
                ),
            ),
            Sample(user_id="u2"),
            Sample(
                user_id="u3",
                why=f"gained most {text}",
                items=(
                    SampleItem(rank=1, item_id="a", hit=True),
                    SampleItem(rank=2, item_id="b"),
                    SampleItem(rank=3, item_id="c"),
                ),
                incumbent=(
                    SampleItem(rank=1, item_id="b"),
                    SampleItem(rank=2, item_id=f"z {text}"),
                    SampleItem(rank=3, item_id="c"),
                ),
            ),
        ),
        sufficiency=(
            Finding(subject="events", enough=True, detail="7,951 in 60 days"),
            Finding(subject=f"als {text}", enough=False, detail="2.1 items per user; 5 are needed"),
        ),
        served=Served(
            url="http://shop",
            requests=12_345,
            concurrency=8,
            duration_s=10.0,
            throughput_rps=Estimate(value=1234.0, low=1200.0, high=1270.0),
            latency_ms={"p50": Estimate(value=4.2, low=4.1, high=4.3), "p95": Estimate(value=9.1, low=8.8, high=9.6)},
            errors={"503": 3},
            error_rate=0.000243,
        ),
        lineage=Lineage(data_fingerprint="4f1c", config_hash=text, mlflow_run_id="8c0b"),
        generation=4,
        baseline_generation=3,
        notes=(f"a note {text}",),
    )
    return msgspec.structs.replace(whole, **changes)


def part(dimension: str, name: str, *, users: int, difference: float, moved: str = "") -> SliceValue:
    """A slice of which the incumbent has 0.2 and the interval is 0.15 to both sides."""
    return SliceValue(
        dimension=dimension,
        name=name,
        users=users,
        candidate=0.2 * (1 + difference),
        incumbent=0.2,
        difference=difference,
        low=round(difference - 0.15, 6),
        high=round(difference + 0.15, 6),
        moved=moved,
    )


class Tags(HTMLParser):
    """What a browser would see: tags with their attributes, ids, texts, and whether all tags are closed."""

    VOID = ("meta", "br", "img", "link", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(report(), tmp_path_factory.mktemp("report")).html.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> recsys_eval.report.Written:
    return write(report(HOSTILE), tmp_path_factory.mktemp("hostile"))


def test_the_page_refers_to_nothing_outside_itself(page):
    tags = Tags(page)

    assert not set(tags.tags) & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert not {name for name, _ in tags.attributes} & {"src", "srcset", "onload", "onclick", "xlink:href"}
    assert "http" not in page.lower()
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)


def test_the_page_is_closed_and_its_ids_are_unique(page):
    tags = Tags(page)
    ids = [value for name, value in tags.attributes if name == "id"]

    assert tags.open == []
    assert len(ids) == len(set(ids))


def test_the_decision_comes_first_and_then_why(page):
    texts = " ".join(Tags(page.partition("<body>")[2].partition("</body>")[0]).texts)
    places = [
        texts.index(part)
        for part in (
            *("Promoted", HEADLINES["promoted"], "0.2200 against", "Why", "Who gains and who loses", "How good"),
            *("How fast", "would see", "data behind", "enough data", "How it was made"),
        )
    ]

    assert places == sorted(places)


def test_the_interval_and_each_plotted_metric_are_drawn(page):
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', page)

    assert labels == [
        "ndcg@10 of the candidate against the incumbent: +10.0%  (-1.0% to +21.0%)",
        "ndcg@10 of the candidate against the incumbent, by slice",
        "ndcg@10",
        "coverage@10",
    ]


def test_hostile_ids_stay_text_in_the_page(hostile):
    tags = Tags(hostile.html.read_text(encoding="utf-8"))

    assert "script" not in tags.tags
    assert tags.open == []
    assert f"u1 {HOSTILE}" in [text.strip() for text in tags.texts]


def test_hostile_ids_stay_text_in_markdown(hostile):
    text = hostile.markdown.read_text(encoding="utf-8")

    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert r"\[y\](javascript:z)" in text
    assert all(line.count(" | ") <= 6 for line in text.splitlines())


def test_the_record_is_a_golden_file(golden, tmp_path):
    written = write(report(), tmp_path)

    golden("report.json", written.json.read_bytes())
    golden("report.md", written.markdown.read_text(encoding="utf-8"))


def test_the_same_report_gives_the_same_bytes(tmp_path, page):
    written = write(report(), tmp_path / "new" / "folder")

    assert written.html.read_text(encoding="utf-8") == page


def test_what_was_written_can_be_read(tmp_path):
    assert read(write(report(HOSTILE), tmp_path).json) == report(HOSTILE)


def test_the_schema_is_checked_in_and_holds_for_a_report(golden):
    golden(str(SCHEMA), schema())
    facts = json.loads(msgspec.json.encode(report()))

    jsonschema.validate(facts, json.loads(SCHEMA.read_bytes()))
    with pytest.raises(jsonschema.ValidationError, match="decision"):
        jsonschema.validate(facts | {"verdict": {}}, json.loads(SCHEMA.read_bytes()))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="not JSON"),
        pytest.param(b'{"schema": "recsys.report/9"}', id="another schema"),
        pytest.param(b"\xff", id="not text"),
    ],
)
def test_what_is_no_report_is_refused_by_name(body, tmp_path):
    (tmp_path / "odd.json").write_bytes(body)

    with pytest.raises(UnreadableFile, match=r"odd\.json is not a report"):
        read(tmp_path / "odd.json")


def test_the_smallest_slice_that_moved_is_named_in_page_and_text(page, tmp_path):
    named = "segment 'vip plain' (42 users): ndcg@10 -31.0% (-46.0% to -16.0%)"

    assert named in " ".join(Tags(page).texts)
    assert f"The smallest slice that moved is {named}." in markdown(report())


def test_slices_that_did_not_move_are_said_to_have_not():
    still = msgspec.structs.replace(report().verdict, slices=(part("segment", "vip", users=42, difference=-0.1),))

    assert "No slice moved more than chance explains." in markdown(report(verdict=still))


def test_moved_slices_and_the_largest_others_are_drawn():
    many = [part("category", f"c{n:02d}", users=100 + n, difference=0.0) for n in range(30)]
    small = part("segment", "vip", users=30, difference=-0.5, moved="down")

    names = [each.name for each in foremost([*many, small])]

    assert names == [f"c{n:02d}" for n in range(29, 14, -1)] + ["vip"]


def test_lists_of_candidate_and_incumbent_stand_side_by_side_with_what_changed():
    sample = report().samples[2]

    assert [change(sample, item) for item in sample.items] == ["new", "down 1", ""]
    assert [gone(sample, item) for item in sample.incumbent] == [False, True, False]
    assert [change(report().samples[0], item) for item in report().samples[0].items] == ["", ""]


def test_what_changed_in_a_list_is_in_page_and_text(page):
    texts = [text.strip() for text in Tags(page).texts]

    assert [word for word in ("new", "down 1", "gone") if word in texts] == ["new", "down 1", "gone"]
    assert "- no longer: z plain" in markdown(report())


def test_too_little_data_is_said_with_its_numbers(page):
    assert "2.1 items per user; 5 are needed" in " ".join(Tags(page).texts)
    assert "- too little: als plain: 2.1 items per user; 5 are needed" in markdown(report())


def test_how_fast_a_server_answers_is_shown_with_intervals(page):
    texts = [text.strip() for text in Tags(page).texts]

    assert {"9.1", "8.8 to 9.6", "1,234", "0.02%"} <= set(texts)
    assert "- p95: 9.1 ms (8.8 to 9.6)" in markdown(report())


def test_systems_stand_as_served_then_incumbent_then_best_first():
    names = [system.name for system in ordered(report())]

    assert names == ["as served", "generation 3", "als", "popularity plain"]


def test_a_report_without_an_incumbent_or_anything_optional_can_be_written(tmp_path):
    verdict = Verdict(decision="ungated", reason="there is nothing", metric="ndcg@10", users=0, candidate=0.0)
    bare = Report(tenant="t", surface="s", created_at=datetime(2026, 1, 1, tzinfo=UTC), verdict=verdict, systems=())

    written = write(bare, tmp_path)

    assert HEADLINES["ungated"] in html.unescape(written.html.read_text(encoding="utf-8"))
    assert "There is nothing." in written.markdown.read_text(encoding="utf-8")


def test_a_system_has_an_interval_for_each_ranking_metric():
    per_user = pl.DataFrame({"user_id": ["a", "b"], "ndcg@10": [0.0, 1.0]})

    row = system("als", "algorithm", Metrics({"ndcg@10": 0.5, "coverage@10": 0.1}, per_user))

    assert row.intervals == {"ndcg@10": (0.0, 1.0)}
    assert row.metrics == {"ndcg@10": 0.5, "coverage@10": 0.1}
