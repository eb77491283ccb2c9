"""What holds for every kind of source. A new kind is one shop in conftest.py."""

import pytest

from recsys_pipelines.sources.source import ROW, MissingPart, Needs, Part, SchemaDrift, SourceError

ROWS = [("ann", "café"), ("bob", None), ("Ζωή 🦊", 'a,"b"\nc'), ("eve", "x")]


def plain(rows):
    """Rows without their numbers, which begin anew in each part."""
    return [(row["user"], row["item"]) for row in rows]


def test_the_same_rows_come_out_in_their_order(shop):
    shop.add(*ROWS)

    assert plain(shop.rows()) == ROWS


def test_rows_are_numbered_from_one_in_every_part(shop):
    shop.add(*ROWS[:2])
    source = shop.pulled()
    (part,) = source.parts()

    with source.rows(part, Needs(("user",), ("user",))) as rows:
        assert rows.collect()[ROW].to_list() == [1, 2]


def test_rows_that_are_added_later_come_after_the_others(shop):
    shop.add(*ROWS[:3])
    shop.pulled()

    shop.add(*ROWS[3:])

    assert plain(shop.rows()) == ROWS


def test_parts_are_the_same_whenever_they_are_listed(shop):
    shop.add(*ROWS)
    source = shop.pulled()

    assert source.parts() == source.parts() == shop.source.parts()


def test_names_of_parts_hold_nothing_of_this_machine(shop):
    shop.add(*ROWS)

    assert [part.name for part in shop.pulled().parts() if str(shop.folder) in part.name] == []


def test_an_unchanged_source_has_the_same_fingerprints_after_another_pull(shop):
    shop.add(*ROWS)
    before = shop.pulled().parts()

    assert shop.pulled().parts() == before
    assert all(part.fingerprint for part in before)


def test_a_changed_source_has_a_part_that_was_not_there(shop):
    shop.add(*ROWS[:1])
    before = shop.pulled().parts()

    shop.add(*ROWS[1:2])

    assert set(shop.pulled().parts()) - set(before)


def test_pulling_again_brings_nothing(pulling_shop):
    pulling_shop.add(*ROWS)
    first = pulling_shop.pull()

    again = pulling_shop.pull()

    assert (first.source, first.rows, first.dead_letters) == (again.source, 4, 0)
    assert (again.rows, again.files, again.watermark) == (0, 0, first.watermark)


def test_before_the_first_pull_nothing_is_there(pulling_shop):
    pulling_shop.add(*ROWS)

    with pytest.raises(MissingPart, match="nothing has been pulled"):
        pulling_shop.source.parts()


def test_a_pull_needs_a_landing_area(pulling_shop):
    pulling_shop.add(*ROWS)
    pulling_shop.landing = None

    with pytest.raises(SourceError, match="is copied to a landing area, and here is none"):
        pulling_shop.pull()


def test_a_source_without_rows_has_none(shop):
    shop.add()

    assert shop.rows() == []


def test_only_required_columns_have_to_be_there(shop):
    shop.add(*ROWS)

    assert plain(shop.rows(Needs(("colour", "item", "user"), ("user",)))) == ROWS


def test_drift_names_the_missing_column_and_the_likely_new_one(shop):
    shop.add(("ann", "x"), columns=("userid", "item"))

    with pytest.raises(SchemaDrift) as raised:
        shop.rows()

    assert "schema drift: missing user" in str(raised.value)
    assert "perhaps user (is it userid now?)" in str(raised.value)


def test_every_column_is_told_also_those_that_nobody_reads(shop):
    shop.add(("ann", "x", "rot"), columns=("user", "item", "größe"))
    source = shop.pulled()

    assert {"user": "text", "item": "text", "größe": "text"}.items() <= source.columns(source.parts()[0]).items()


def test_a_part_that_is_not_there_is_missing(shop):
    shop.add(*ROWS)
    source = shop.pulled()
    gone = Part(f"{source.parts()[0].name}.gone.csv", "")

    with pytest.raises(MissingPart), source.rows(gone, Needs((), ())) as rows:
        rows.collect()
