import pytest

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import ROW, Needs, Place, SchemaDrift


@pytest.fixture
def source(tmp_path):
    for folder, user in (
        ("date=2026-01-01/shop=a%20b", "ann"),
        ("date=2026-01-02/shop=__HIVE_DEFAULT_PARTITION__", "bob"),
    ):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "e.csv").write_text(f"user,date\n{user},never\n")
    return opened(SourceSpec(path="in", folder_columns=True), Place("acme", tmp_path, {}))


def test_folders_are_columns_of_the_rows_below_them(source):
    found = []
    for part in source.parts():
        with source.rows(part, Needs(("date", "shop", "user"), ("date", "shop", "user"))) as rows:
            found += rows.select(ROW, "date", "shop", "user").collect().rows()

    assert found == [(1, "2026-01-01", "a b", "ann"), (1, "2026-01-02", None, "bob")]


def test_they_are_told_as_columns(source):
    assert [source.columns(part) for part in source.parts()] == [
        {"user": "text", "date": "time", "shop": "text"},
        {"user": "text", "date": "time", "shop": "empty"},
    ]


def test_what_no_folder_says_is_still_missed(source):
    with (
        pytest.raises(SchemaDrift, match="missing colour"),
        source.rows(source.parts()[0], Needs((), ("colour", "shop"))),
    ):
        pass


def test_without_the_setting_folders_are_names_alone(tmp_path, source):
    plain = opened(SourceSpec(path="in"), Place("acme", tmp_path, {}))

    assert plain.columns(plain.parts()[0]) == {"user": "text", "date": "text"}
