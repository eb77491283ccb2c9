import base64
import json
from datetime import date, timedelta

import msgspec
import pytest

from data_contracts.feedback_tables import EXPOSURES
from data_contracts.records import ExposedExperiment, ExposedItem, Subject
from recsys_pipelines.contract import schema
from recsys_pipelines.feedback.exposures import write_exposures

DAY = date(2026, 2, 10)


def written(logged, until=DAY):
    return write_exposures(logged.landing, logged.lake, "demo", until=until)


def rows(logged, *columns, day=DAY):
    return logged.lake.read("exposures", "demo", day).select(columns or EXPOSURES.names).rows()


def dead_letters(logged):
    keys = [entry.key for entry in logged.landing.entries("dead/tenant=demo/source=exposures/")]
    return [json.loads(line) for key in keys for line in logged.landing.read(key).splitlines()]


def test_every_item_that_was_shown_is_a_row_with_all_that_the_record_says(logged):
    item = ExposedItem(item_id="a", rank=1, score=2, source="als", propensity=0.5)
    logged.land(
        logged.exposure(
            "r1",
            segment="new",
            subject=Subject(user="p-u", anonymous="p-a", session="p-s", key_id="k"),
            config_version="c7",
            experiment=ExposedExperiment(id="x", variant="b"),
            fallback_level=2,
            items=(item, ExposedItem(item_id="b", rank=2, score=0.25, source="popularity")),
            context={"device": "tv"},
        )
    )

    result = written(logged)

    shared = ("home", "recommend", "new", "p-u", "p-a", "p-s")
    versions = (3, "1", "c7", "x", "b", 2)
    assert (result.days, result.rows, result.repeated, result.rejected) == ((DAY,), 2, 0, 0)
    assert rows(logged) == [
        ("r1", logged.noon, *shared, "a", 1, 2.0, "als", 0.5, *versions),
        ("r1", logged.noon, *shared, "b", 2, 0.25, "popularity", 1.0, *versions),
    ]
    assert logged.lake.read("exposures", "demo", DAY).schema == schema(EXPOSURES)


def test_what_a_record_leaves_out_is_filled_in_as_the_contract_says(logged):
    logged.land(logged.exposure("r1", "a", subject=Subject()))

    written(logged)

    found = rows(logged, "segment", "user", "propensity", "config_version", "experiment_id", "fallback_level")
    assert found == [("default", None, 1.0, "", None, 0)]


def test_an_item_that_its_answer_has_already_is_dropped_and_counted_also_across_files(logged):
    logged.land(logged.exposure("r1", "a", "b", "a"))
    logged.land(logged.exposure("r1", "a"), logged.exposure("r2", "a"))

    result = written(logged)

    assert (result.rows, result.repeated) == (3, 2)
    assert rows(logged, "request_id", "item_id", "rank") == [("r1", "a", 1), ("r1", "b", 2), ("r2", "a", 1)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(lambda good: good[:-20], "not an exposure: ", id="cut off"),
        pytest.param(lambda good: b"\xff" + good, "not an exposure: ", id="no text"),
        pytest.param(lambda good: good.replace(b'"rank":1', b'"rank":0'), "Expected `int` >= 1", id="a rank of 0"),
        pytest.param(lambda good: good.replace(b'"score":1.0', b'"score":"x"'), "Expected `float`", id="a text score"),
        pytest.param(
            lambda good: good.replace(b"exposure/2", b"exposure/9"), "schema is recsys.exposure/9", id="schema"
        ),
        pytest.param(lambda good: good.replace(b'"demo"', b'"other"'), "tenant is other, and not demo", id="tenant"),
        pytest.param(lambda good: good.replace(b"02-10T", b"02-11T"), "day of ts is 2026-02-11", id="another day"),
    ],
)
def test_a_line_that_is_no_exposure_is_kept_with_its_reason_and_stops_nothing(logged, line, reason):
    bad = line(msgspec.json.encode(logged.exposure("bad", "a")))
    logged.land(logged.exposure("r1", "a"), bad, logged.exposure("r2", "a"))

    result = written(logged)

    (letter,) = dead_letters(logged)
    assert (result.rows, result.rejected) == (2, 1)
    assert reason in letter["reason"]
    assert (letter["file"], letter["line"], base64.b64decode(letter["value"])) == ("date=2026-02-10/001.jsonl", 2, bad)


def test_an_answer_without_items_is_no_row(logged):
    logged.land(logged.exposure("r1"), logged.exposure("r2", "a"))

    assert written(logged).rows == 1


def test_only_days_with_new_files_are_made_again(logged):
    second = DAY + timedelta(days=1)
    logged.land(logged.exposure("r1", "a"))
    logged.land(logged.exposure("r2", "a", ts=logged.noon + timedelta(days=1)), day=str(second))

    first = written(logged, until=second)
    nothing = written(logged, until=second)
    logged.land(logged.exposure("r3", "a"))
    again = written(logged, until=second)

    assert [each.days for each in (first, nothing, again)] == [(DAY, second), (), (DAY,)]
    assert [each.rows for each in (first, nothing, again)] == [2, 2, 3]


def test_days_to_come_wait(logged):
    logged.land(logged.exposure("r1", "a"))

    assert written(logged, until=DAY - timedelta(days=1)).days == ()
    assert written(logged).days == (DAY,)


def test_a_file_from_which_a_person_was_taken_is_read_again(logged):
    key = logged.land(logged.exposure("r1", "a"), logged.exposure("r2", "a"))
    written(logged)
    body = logged.landing.read_tagged(key)
    logged.landing.replace(key, body.body.splitlines(keepends=True)[1], body.tag)

    assert written(logged).days == (DAY,)
    assert rows(logged, "request_id") == [("r2",)]


@pytest.mark.parametrize("who", ["user", "anonymous", "session"])
def test_what_was_shown_to_a_forgotten_person_is_left_out(logged, who):
    logged.land(logged.exposure("r1", "a", subject=Subject(**{who: "p-gone"})), logged.exposure("r2", "a"))

    write_exposures(logged.landing, logged.lake, "demo", until=DAY, forgotten={"p-gone"})

    assert rows(logged, "request_id") == [("r2",)]


def test_a_day_whose_files_were_removed_keeps_its_rows(logged):
    key = logged.land(logged.exposure("r1", "a"))
    written(logged)
    logged.landing.delete(key)

    assert written(logged).rows == 1
    assert rows(logged, "request_id") == [("r1",)]


def test_the_same_files_give_the_same_bytes(logged, tmp_path):
    logged.land(logged.exposure("r2", "b", "a"), logged.exposure("r1", "a"))
    written(logged)
    path = tmp_path / "lake" / "exposures" / "tenant=demo" / f"date={DAY}" / "part.parquet"
    before = path.read_bytes()
    path.unlink()
    (tmp_path / "lake" / "exposures_made" / "tenant=demo" / "exposures_made.json").unlink()

    written(logged)

    assert path.read_bytes() == before


def test_a_tenant_without_exposures_has_none(logged):
    assert written(logged) == type(written(logged))((), 0, 0, 0)
    assert logged.lake.days("exposures", "demo") == []
