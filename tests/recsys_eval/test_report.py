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
from recsys_eval.facts import Quality, QualityCheck, Report, Sample, SampleItem, System, TableQuality
from recsys_eval.metrics import Metrics
from recsys_eval.pages import HEADLINES, ordered
from recsys_eval.report import read, schema, system, write
from recsys_eval.verdict import Check, Verdict

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
            tolerance=0.02,
            suspicious_gain=0.5,
            checks=(
                Check(name="users", passed=True, detail=f"312 users {text}"),
                Check(name="coverage", passed=False, detail="too small"),
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
        ),
        lineage=Lineage(data_fingerprint="4f1c", config_hash=text, mlflow_run_id="8c0b"),
        generation=4,
        baseline_generation=3,
        notes=(f"a note {text}",),
    )
    return msgspec.structs.replace(whole, **changes)


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
        for part in ("Promoted", HEADLINES["promoted"], "0.2200 against", "Why", "How good", "would see", "data behind")
    ]

    assert places == sorted(places)


def test_the_interval_and_each_plotted_metric_are_drawn(page):
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', page)

    assert labels == [
        "ndcg@10 of the candidate against the incumbent: +10.0%  (-1.0% to +21.0%)",
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
