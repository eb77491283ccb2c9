import hashlib
from datetime import UTC, datetime

import polars as pl
import pytest

from data_contracts.errors import InvalidDocument
from data_contracts.source_specs import Field, SourceSpec
from data_contracts.tables import EVENTS, ITEMS, USERS
from recsys_pipelines.contract import schema, unreadable_columns
from recsys_pipelines.mapping import mapped, needs
from recsys_pipelines.sources.source import ROW


def made(rows, table=EVENTS, where=None, **fields) -> pl.DataFrame:
    """What the mapping makes of rows given as columns; text unless a column is a Series."""
    source = pl.DataFrame(rows).with_row_index(ROW, offset=1).lazy()
    spec = SourceSpec(path="any", fields=fields, where=where or {})
    return mapped(source, table, spec, "EUR").collect()


def value(said, table, name, **how):
    """One value of our column ``name``, made from the source's column ``x``."""
    field = Field(column="x", **how)
    return made({"x": [said]}, table, **{name: field})[name].to_list()[0]


def unread(said, table, name, **how):
    return made({"x": [said]}, table, **{name: Field(column="x", **how)})[f"{name}__unreadable"].to_list()[0]


def at(*parts) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize("table", [ITEMS, USERS, EVENTS], ids=lambda table: table.name)
def test_the_result_has_the_columns_of_the_contract_whatever_the_source_has(table):
    expected = {**schema(table), "row": pl.Int64, **dict.fromkeys(unreadable_columns(table).values(), pl.String)}

    assert made({"foreign": ["x"]}, table).schema == expected
    assert made({"foreign": []}, table).height == 0


def test_a_column_that_is_not_named_is_taken_from_the_one_of_the_same_name():
    rows = made({"user_id": ["ann"], "who": ["bob"]}, EVENTS, anonymous_id="who")

    assert rows.select("user_id", "anonymous_id").rows() == [("ann", "bob")]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(Field(column="a"), "1", id="column"),
        pytest.param(Field(columns=("a", "b")), "1-2", id="columns"),
        pytest.param(Field(columns=("b", "a"), join="/"), "2/1", id="columns with another joint"),
        pytest.param(Field(columns=("a", "none")), None, id="columns of which one is empty"),
        pytest.param(Field(constant="home"), "home", id="constant"),
        pytest.param(Field(row_number=True, prefix="line-"), "line-1", id="row number"),
        pytest.param(Field(column="a", values={"1": "one"}), "one", id="a value that is mapped"),
        pytest.param(Field(column="b", values={"1": "one"}), "2", id="a value that is not"),
        pytest.param(Field(column="a", values={"1": ""}), None, id="a value that means nothing"),
        pytest.param(Field(column="none", default="x"), "x", id="default"),
        pytest.param(Field(column="a", default="x"), "1", id="no need for the default"),
        pytest.param(Field(column="a", prefix="u"), "u1", id="prefix"),
        pytest.param(Field(column="none", prefix="u"), None, id="a prefix of nothing"),
        pytest.param(Field(flags={"b": "two", "a": "one", "flag": "yes"}), "one", id="the first flag that is set"),
    ],
)
def test_a_text_is_made_as_the_document_says(field, expected):
    rows = {"a": ["1"], "b": ["2"], "none": [""], "flag": ["true"]}

    assert made(rows, EVENTS, surface=field)["surface"].to_list() == [expected]


def test_a_digest_is_the_sha256_of_the_columns():
    rows = made({"a": ["x", "x", ""], "b": ["y", "", "x"]}, EVENTS, event_id=Field(digest=("a", "b")))

    assert rows["event_id"][0] == hashlib.sha256(b"x\x1fy").hexdigest()
    assert rows["event_id"].n_unique() == 3


def test_digests_of_many_rows_keep_their_order():
    many = [str(n) for n in range(200_000)]

    found = made({"a": many}, EVENTS, event_id=Field(digest=("a",)))["event_id"].to_list()

    assert found == [hashlib.sha256(text.encode()).hexdigest() for text in many]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("30", "120", 0.25), ("30", "0", None), ("30", "", None), ("x", "120", None)],
    ids=["a share", "of nothing", "of a missing one", "of a word"],
)
def test_a_ratio_is_a_number_or_nothing(first, second, expected):
    rows = made({"seen": [first], "long": [second]}, EVENTS, value=Field(ratio=("seen", "long")))

    assert rows["value"].to_list() == [expected]


@pytest.mark.parametrize(
    ("said", "how", "expected"),
    [
        pytest.param("2026-05-01T10:00:00Z", {}, at(2026, 5, 1, 10), id="Z"),
        pytest.param("2026-05-01t10:00:00z", {}, at(2026, 5, 1, 10), id="small letters"),
        pytest.param("2026-05-01T10:00:00+02:00", {"time": "iso"}, at(2026, 5, 1, 8), id="an offset"),
        pytest.param("2026-05-01 10:00:00-0530", {}, at(2026, 5, 1, 15, 30), id="an offset without colon"),
        pytest.param("2026-05-01T10:00:00.123456789Z", {}, at(2026, 5, 1, 10, 0, 0, 123456), id="nanoseconds"),
        pytest.param("2026-05-01 10:00:00", {}, at(2026, 5, 1, 10), id="no offset"),
        pytest.param("2026-05-01T10:00", {"timezone": "Europe/Berlin"}, at(2026, 5, 1, 8), id="summer in Berlin"),
        pytest.param("2026-01-01", {"timezone": "Europe/Berlin"}, at(2025, 12, 31, 23), id="a day in Berlin"),
        pytest.param("881250949", {"time": "s"}, at(1997, 12, 4, 15, 55, 49), id="seconds"),
        pytest.param("881250949.5", {"time": "s"}, at(1997, 12, 4, 15, 55, 49, 500000), id="fractions of a second"),
        pytest.param("881250949123", {"time": "ms"}, at(1997, 12, 4, 15, 55, 49, 123000), id="milliseconds"),
        pytest.param("881250949123456", {"time": "us"}, at(1997, 12, 4, 15, 55, 49, 123456), id="microseconds"),
        pytest.param("-1", {"time": "s"}, at(1969, 12, 31, 23, 59, 59), id="before 1970"),
        pytest.param(881250949, {"time": "s"}, at(1997, 12, 4, 15, 55, 49), id="a number"),
        pytest.param("01-Jan-1995", {"time": "%d-%b-%Y"}, at(1995, 1, 1), id="a day by format"),
        pytest.param(
            "12/1/2010 8:26",
            {"time": "%m/%d/%Y %H:%M", "timezone": "Europe/London"},
            at(2010, 12, 1, 8, 26),
            id="a time by format",
        ),
        pytest.param("01.05.2026 10:00 +0200", {"time": "%d.%m.%Y %H:%M %z"}, at(2026, 5, 1, 8), id="offset by format"),
        pytest.param(at(2026, 5, 1), {}, at(2026, 5, 1), id="a time with its zone"),
        pytest.param(datetime(2026, 5, 1), {"timezone": "Europe/Berlin"}, at(2026, 4, 30, 22), id="a local time"),  # noqa: DTZ001
        pytest.param(at(2026, 5, 1).date(), {}, at(2026, 5, 1), id="a day"),
    ],
)
def test_a_time_is_read_as_utc(said, how, expected):
    assert value(said, EVENTS, "ts", **how) == expected


@pytest.mark.parametrize(
    ("said", "how"),
    [
        pytest.param("yesterday", {}, id="a word"),
        pytest.param("2026-02-30T00:00:00Z", {}, id="a day that does not exist"),
        pytest.param("2026-13-01", {}, id="month 13"),
        pytest.param("2026-03-29T02:30:00", {"timezone": "Europe/Berlin"}, id="the hour that summer time leaves out"),
        pytest.param("1767225600", {}, id="a number of which nobody says the unit"),
        pytest.param("1767225600000000", {"time": "s"}, id="microseconds taken for seconds"),
        pytest.param("2026-05-01", {"time": "s"}, id="a day taken for seconds"),
        pytest.param("2026-05-01", {"time": "%d-%b-%Y"}, id="another format"),
    ],
)
def test_a_time_that_cannot_be_read_is_kept_as_it_was_said(said, how):
    assert value(said, EVENTS, "ts", **how) is None
    assert unread(said, EVENTS, "ts", **how) == said


def test_every_row_may_spell_its_time_in_another_way():
    said = ["2026-05-01T10:00:00Z", "2026-05-01 10:00:00", None, "2026-05-01", "soon", "2026-05-01T12:00:00+02:00"]

    times = made({"ts": said})["ts"].to_list()

    assert times == [at(2026, 5, 1, 10), at(2026, 5, 1, 10), None, at(2026, 5, 1), None, at(2026, 5, 1, 10)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("19.99", 1999),
        ("0.29", 29),
        ("1.15", 115),
        ("2.345", 234),  # half to even
        ("2.355", 236),
        ("2.365", 236),
        ("0", 0),
        ("1e2", 10_000),
        ("12345678901.23", 1_234_567_890_123),
        ("-1.5", -150),
        (19.99, 1999),
        (2.675, 268),  # 267.49999 in binary, but the source meant a decimal
        (7, 700),
    ],
)
def test_a_decimal_price_becomes_minor_units_exactly(said, expected):
    assert value(said, ITEMS, "price_minor", scale=100) == expected


@pytest.mark.parametrize("said", ["cheap", "1,50", "NaN", "inf", "12.5.1"])
def test_a_price_that_is_no_number_is_kept_as_it_was_said(said):
    assert value(said, ITEMS, "price_minor", scale=100) is None
    assert unread(said, ITEMS, "price_minor", scale=100) == said


@pytest.mark.parametrize(
    ("said", "expected"), [("12", 12), ("12.0", 12), (12.0, 12), ("9007199254740993", 9007199254740993), ("12.5", None)]
)
def test_a_whole_number_without_scale_must_be_whole_already(said, expected):
    assert value(said, EVENTS, "rank") == expected


@pytest.mark.parametrize(
    ("said", "expected"), [("1.5", 1.5), (" 2 ", 2.0), ("", None), ("many", None), ("inf", None), (float("nan"), None)]
)
def test_a_number_is_finite_or_nothing(said, expected):
    assert value(said, EVENTS, "value") == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        *(("1", True), ("TRUE", True), ("yes", True), ("0", False), ("f", False), (1, True), (0.0, False)),
        *((False, False), ("9", True), (12, True), ("0.5", True), ("0.0", False)),
    ],
)
def test_truth_is_spelled_in_several_ways(said, expected):
    assert value(said, ITEMS, "available") is expected


def test_a_truth_that_is_neither_is_kept_as_it_was_said():
    assert unread("maybe", ITEMS, "available") == "maybe"
    assert unread("-1", ITEMS, "available") == "-1"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        *((str(number), name) for number, name in enumerate(("view", "click", "add", "purchase", "custom"))),
        (3, "purchase"),
        (3.0, "purchase"),
        ("Purchase", "purchase"),
        ("cart", "add"),
        ("hover", "hover"),
        ("7", "7"),
    ],
)
def test_an_event_type_is_accepted_by_number_and_by_name(said, expected):
    assert value(said, EVENTS, "type") == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [(17850.0, "17850"), (0.5, "0.5"), (17, "17"), ("  x ", "x"), ("007", "007"), (True, "true"), (" ", None)],
)
def test_an_id_is_text_as_the_source_would_write_it(said, expected):
    assert value(said, EVENTS, "user_id") == expected


@pytest.mark.parametrize(
    ("said", "how", "expected"),
    [
        pytest.param("b|A| c |", {"split": "|"}, ["a", "b", "c"], id="split, trimmed, lower case, sorted"),
        pytest.param("drama|Drama", {"split": "|", "prefix": "genre:"}, ["genre:drama"], id="prefixed, each once"),
        pytest.param("one tag", {}, ["one tag"], id="one"),
        pytest.param('["x", "say \\"y\\""]', {}, ['say "y"', "x"], id="a JSON list"),
        pytest.param(["b", "a"], {"prefix": "t:"}, ["t:a", "t:b"], id="a list"),
        pytest.param("", {"split": "|"}, [], id="nothing"),
        pytest.param(None, {"split": "|"}, [], id="missing"),
    ],
)
def test_tags_are_a_list(said, how, expected):
    rows = made(
        {"x": pl.Series([said], dtype=pl.String if said is None else None)}, ITEMS, tags=Field(column="x", **how)
    )

    assert rows["tags"].to_list() == [expected]


def test_flags_become_tags():
    field = Field(flags={"Comedy": "comedy", "Drama": "drama"}, prefix="genre:")

    tags = made({"Comedy": ["1", "0", "1"], "Drama": ["true", "", "0"]}, ITEMS, tags=field)["tags"].to_list()

    assert tags == [["genre:comedy", "genre:drama"], [], ["genre:comedy"]]


def test_brand_and_category_are_tags_too():
    rows = made(
        {"brand": ["Acme"], "category": ["Audio"], "tags": ["brand:acme|new"]},
        ITEMS,
        tags=Field(column="tags", split="|"),
    )

    assert rows["tags"].to_list() == [["brand:acme", "category:audio", "new"]]


def test_a_price_without_currency_is_in_the_tenants():
    rows = made({"price_minor": ["5", "5", ""], "currency": ["", "USD", ""]}, ITEMS)

    assert rows["currency"].to_list() == ["EUR", "USD", None]


def test_an_item_is_available_unless_its_source_says_otherwise():
    assert made({"item_id": ["a"]}, ITEMS)["available"].to_list() == [True]
    assert made({"available": ["", "0"]}, ITEMS)["available"].to_list() == [True, False]


def test_only_wanted_rows_are_kept_under_their_own_numbers():
    rows = made({"event": ["watched", "opened", "watched"], "user_id": ["a", "b", "c"]}, where={"event": "watched"})

    assert rows.select("user_id", "row").rows() == [("a", 1), ("c", 3)]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param('{"video": {"id": "v1"}}', id="JSON text"),
        pytest.param({"video": {"id": "v1"}}, id="a struct"),
    ],
)
def test_the_inside_of_a_column_is_reached_by_dots(payload):
    rows = made({"payload": [payload]}, item_id="payload.video.id", surface="payload.page.name")

    assert rows.select("item_id", "surface").rows() == [("v1", None)]


def test_a_struct_as_text_is_json():
    assert made({"meta": [{"page": 2}]})["meta"].to_list() == ['{"page":2}']


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"item": "x"}, r"sources.events: fields.item: events has no such column", id="an unknown column"),
        pytest.param({"ts": Field()}, r"fields.ts: say exactly one of .*; it says none", id="from nothing"),
        pytest.param({"ts": Field(column="a", constant="b")}, r"it says column, constant", id="from two things"),
        pytest.param({"ts": Field(column="a", timezone="Mars/Base")}, r"'Mars/Base' is no time zone", id="a zone"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_named(fields, said):
    with pytest.raises(InvalidDocument, match=said):
        made({"x": ["1"]}, **fields)


def test_by_default_all_named_columns_and_all_vital_ones_are_required():
    spec = SourceSpec(path="any", fields={"ts": "when", "value": Field(ratio=("seen", "long"))}, where={"kind": "x"})

    found = needs(spec, EVENTS)

    assert found.required == ("event_id", "kind", "long", "seen", "type", "when")
    assert {"user_id", "meta", "when"} < set(found.wanted)


def test_the_document_may_require_less():
    spec = SourceSpec(path="any", fields={"ts": "when"}, required_columns=("when",))

    assert needs(spec, EVENTS).required == ("when",)


def test_a_catalog_needs_only_ids():
    assert needs(SourceSpec(path="any"), ITEMS).required == ("item_id",)


def test_a_product_is_a_number_and_nothing_where_one_of_its_factors_is_missing():
    field = Field(product=("qty", "price"), scale=100)

    rows = made({"qty": ["3", "2", "x"], "price": ["9.99", "", "1"]}, EVENTS, amount_minor=field)

    assert rows["amount_minor"].to_list() == [2997, None, None]


def test_other_columns_may_be_tags_too_each_with_a_prefix():
    field = Field(column="tags", split="|", also={"color": "color:", "inside.size": "size:"})
    source = {
        "item_id": ["a", "b"],
        "tags": ["New|gift", ""],
        "color": ["Red", None],
        "inside": ['{"size": "XL"}', "{}"],
    }

    assert made(source, ITEMS, tags=field)["tags"].to_list() == [["color:red", "gift", "new", "size:xl"], []]
    assert {"color", "inside.size"} <= set(needs(SourceSpec(path="any", fields={"tags": field}), ITEMS).required)


def test_only_tags_take_more_of_them():
    with pytest.raises(InvalidDocument, match=r"fields.title.also: title holds no tags"):
        made({"x": ["a"]}, ITEMS, title=Field(column="x", also={"y": "z:"}))


def test_rows_may_be_wanted_for_one_of_several_values():
    rows = made({"event_id": ["1", "2", "3"], "kind": ["a", "b", "c"]}, EVENTS, where={"kind": ("a", "c")})

    assert rows["event_id"].to_list() == ["1", "3"]
