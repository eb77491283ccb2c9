import pytest

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.drift import Drift, drift
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import Needs, Place, SchemaDrift

BEFORE = {"user_id": "text", "item": "text", "n": "int"}


@pytest.mark.parametrize(
    ("now", "expected", "text"),
    [
        pytest.param(
            BEFORE | {"colour": "text"},
            Drift("added", "colour", "", "text"),
            "column colour (text) was added",
            id="added",
        ),
        pytest.param(
            {"user_id": "text", "item": "text"},
            Drift("dropped", "n", "int", ""),
            "column n (int) was dropped",
            id="dropped",
        ),
        pytest.param(
            {"n": "int", "item": "text", "userId": "text"},
            Drift("renamed", "user_id", "user_id", "userId"),
            "column user_id is likely called userId now",
            id="renamed to a close name, elsewhere",
        ),
        pytest.param(
            {"user_id": "text", "item": "text", "quantity": "int"},
            Drift("renamed", "n", "n", "quantity"),
            "column n is likely called quantity now",
            id="renamed to another name at the same place with the same type",
        ),
        pytest.param(
            BEFORE | {"n": "text"}, Drift("retyped", "n", "int", "text"), "column n was int and is text", id="retyped"
        ),
    ],
)
def test_one_change_is_named(now, expected, text):
    (found,) = drift(BEFORE, now)

    assert found == expected
    assert found.text == text


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(BEFORE, BEFORE, id="nothing changed"),
        pytest.param(BEFORE, dict(reversed(BEFORE.items())), id="another order"),
        pytest.param({}, BEFORE, id="nothing before"),
        pytest.param(BEFORE | {"n": "empty"}, BEFORE, id="a column that had no values"),
        pytest.param(BEFORE, BEFORE | {"n": "empty"}, id="a column that has none now"),
    ],
)
def test_what_is_no_drift(before, now):
    assert drift(before, now) == ()


def test_another_type_at_the_same_place_is_another_column():
    now = {"user_id": "text", "item": "text", "colour": "text"}

    assert [(each.kind, each.column) for each in drift(BEFORE, now)] == [("dropped", "n"), ("added", "colour")]


def test_of_several_close_names_the_closest_is_the_new_one():
    found = drift({"user_name": "text"}, {"user": "text", "username": "text"})

    assert found == (Drift("renamed", "user_name", "user_name", "username"), Drift("added", "user", "", "text"))


def test_a_renamed_column_may_be_retyped_too():
    found = drift(BEFORE, {"user": "int", "item": "text", "n": "int"})

    assert [each.text for each in found] == [
        "column user_id is likely called user now",
        "column user was text and is int",
    ]


def columns(source):
    return source.columns(source.parts()[-1])


def test_a_csv_file_of_another_day_is_compared(tmp_path):
    (tmp_path / "1.csv").write_text("user_id,price\nann,1\n")
    (tmp_path / "2.csv").write_text("userid,price,colour\nann,1.5,red\n")

    source = opened(SourceSpec(path="*.csv"), Place("acme", tmp_path, {}))
    first, second = (source.columns(part) for part in source.parts())

    assert [each.text for each in drift(first, second)] == [
        "column user_id is likely called userid now",
        "column price was int and is float",
        "column colour (text) was added",
    ]


@pytest.mark.slow
def test_a_table_that_was_altered_is_compared(postgres_shop):
    postgres_shop.add(("ann", "x"))
    before = columns(postgres_shop.pulled())
    postgres_shop.database.execute(
        'ALTER TABLE "Orders" RENAME "user" TO "user_id"',
        'ALTER TABLE "Orders" ALTER item TYPE varchar(9)',
        'ALTER TABLE "Orders" ADD price numeric(9,2)',
    )

    after = columns(postgres_shop.pulled())

    assert [each.text for each in drift(before, after)] == [
        "column user is likely called user_id now",
        "column item was text and is varchar",
        "column price (numeric) was added",
    ]


@pytest.mark.slow
def test_the_message_of_a_renamed_column_that_is_needed_names_both(postgres_shop):
    postgres_shop.add(("ann", "x"))
    postgres_shop.database.execute('ALTER TABLE "Orders" RENAME "user" TO "user_id"')
    source = postgres_shop.pulled()

    said = r"missing user; .*perhaps user \(is it user_id now\?\)"
    with pytest.raises(SchemaDrift, match=said), source.rows(source.parts()[0], Needs(("user",), ("user",))):
        pass
