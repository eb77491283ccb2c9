"""Dashboards and alerts ask only for what the code exports, by the labels that it has."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from data_contracts.feedback_tables import BAD_OUTCOMES, FUNNEL, VOLUMES
from data_contracts.training_records import TrainingCompleted, TrainingStarted
from recsys_pipelines.contract import schema
from recsys_pipelines.feedback import export
from recsys_pipelines.feedback.business import Business
from recsys_pipelines.feedback.joins import JoinFacts
from recsys_pipelines.trainings import Training
from recsys_pipelines.trainings import metrics as of_training
from serving.metrics import Metrics

HERE = Path(__file__).parents[1] / "observability"
DASHBOARDS = sorted(HERE.glob("grafana/*.json"))
NOW = datetime(2026, 2, 10, tzinfo=UTC)
METRIC = re.compile(r"\b(recsys_[a-z_]+)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"')
GROUPING = re.compile(r"\bby \(([^)]*)\)")
LABEL = re.compile(r"\$labels\.(\w+)|\{\{(\w+)\}\}")


def exported() -> dict[str, set[str]]:
    """Every series by its name, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            for each in metric.describe():
                suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(each.type, ("",))
                of_buckets = {"le"} if each.type == "histogram" else set()
                found |= {f"{each.name}{suffix}": {*metric._labelnames} | of_buckets for suffix in suffixes}
    return found | of_text(export.metrics(a_day())) | of_text(of_training(a_training()))


def of_text(text: bytes) -> dict[str, set[str]]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    matched = [re.match(r"(\w+)\{([^}]*)\}", line) for line in lines]
    return {each[1]: set(MATCHER.findall(each[2])) for each in matched if each}


def a_day() -> Business:
    """A day on which every gauge has a value."""
    shown = (NOW, "home", 2, 4, 2, 1, 0.25, 0, 0.0, 1, 0.25, 1500, 750.0)
    return Business(
        tenant="demo",
        currency="EUR",
        day=date(2026, 2, 10),
        funnel=pl.DataFrame([shown], schema=schema(FUNNEL), orient="row"),
        volumes=pl.DataFrame([(NOW, "view", 7)], schema=schema(VOLUMES), orient="row"),
        joins=JoinFacts(outcomes=3, with_request=2, joined=1, requests=2, items=4, unranked=0, repeated=0),
        positions=pl.DataFrame({"rank": [1], "items": [4], "share": [1.0]}),
        outcomes=3,
        credited=2,
        bad_outcomes=pl.DataFrame([("returns", NOW, "a", "home", 4, 1)], schema=schema(BAD_OUTCOMES), orient="row"),
    )


def a_training() -> Training:
    facts = {"tenant": "demo", "run_id": "r", "day": date(2026, 2, 10)}
    return Training(
        started=TrainingStarted(**facts, algorithms=("als",), at=NOW),
        completed=TrainingCompleted(**facts, ending="released", started_at=NOW, at=NOW),
        last_good_at=NOW,
        endings={"released": 1},
    )


def asked() -> Iterator[tuple[str, str, str]]:
    """Where, which expression, and which text shows its labels."""
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"], target["legendFormat"]
        for variable in board["templating"]["list"][1:]:
            yield f"{path.stem}: ${variable['name']}", variable["query"], ""
    for rule in rules():
        yield rule["alert"], rule["expr"], " ".join(rule["annotations"].values())


def rules():
    return [
        rule
        for group in yaml.safe_load(HERE.joinpath("prometheus/alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]


@pytest.fixture(scope="module")
def known():
    return exported()


@pytest.mark.parametrize(("place", "expression", "text"), list(asked()), ids=lambda value: str(value)[:60])
def test_it_asks_for_what_there_is(known, place, expression, text):
    selected = METRIC.findall(expression)
    used = {label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",")}

    assert selected
    assert [name for name, _ in selected if name not in known] == []
    for name, matchers in selected:
        assert set(MATCHER.findall(matchers)) <= known[name]
        assert used <= known[name]
    assert {a or b for a, b in LABEL.findall(text)} <= used
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize(
    "expression", ["recsys_nothing", 'recsys_generation{user="u"}', "sum by (user) (recsys_events)"]
)
def test_the_rule_sees_what_there_is_not(known, expression):
    with pytest.raises(AssertionError):
        test_it_asks_for_what_there_is(known, "", expression, "")


def test_every_business_number_is_on_a_dashboard():
    text = "".join(path.read_text() for path in DASHBOARDS)

    assert [name for name in export.OF_FUNNEL if f"recsys_business_{name}" not in text] == []


def test_every_metric_of_the_server_is_on_a_dashboard_or_an_alert(known):
    text = "".join(expression for _, expression, _ in asked())
    histograms = ("_bucket", "_sum", "_count")
    names = {next((name.removesuffix(end) for end in histograms if name.endswith(end)), name) for name in known}

    assert sorted(name for name in names if name not in text) == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_an_id_of_its_own_and_panels_that_do_not_overlap(path):
    board = json.loads(path.read_text())
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]

    assert board["uid"] == f"recsys-{path.stem}"
    assert len({panel["id"] for panel in board["panels"]}) == len(set(places)) == len(places)
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])


def test_an_alert_says_how_bad_it_is_and_what_to_look_at():
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
    assert len({rule["alert"] for rule in rules()}) == len(rules())
