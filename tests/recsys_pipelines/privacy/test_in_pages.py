import sqlite3

import pytest

from data_contracts.pseudonym import Pseudonyms
from recsys_pipelines.privacy.in_pages import Databases, Pages
from recsys_pipelines.privacy.keeping import cleaned, searched
from recsys_pipelines.privacy.person import Person

PSEUDONYMS = Pseudonyms(b"a secret of at least 16 bytes", "demo")


def person(*ids):
    return Person("demo", "n", frozenset(ids), frozenset(map(PSEUDONYMS.of, ids)), PSEUDONYMS)


@pytest.mark.parametrize(
    ("id", "text", "kept"),
    [
        ("u-7", "<h3>u-7</h3> u-77 xu-7", "<h3>[forgotten]</h3> u-77 xu-7"),
        ("jane@x.org", "mail jane@x.org.", "mail [forgotten]."),
        ("42", '42 items, {"user_id": "42"} <h3>42</h3>', '42 items, {"user_id": "[forgotten]"} <h3>[forgotten]</h3>'),
        ("home", "home (lately: i1)\non home", "[forgotten] (lately: i1)\non home"),
    ],
)
def test_an_id_leaves_a_page_where_it_can_only_be_the_persons(tmp_path, id, text, kept):
    (tmp_path / "report.html").write_text(text)

    list(cleaned(Pages([tmp_path], person(id))))

    assert (tmp_path / "report.html").read_text() == kept
    assert list(searched(Pages([tmp_path], person(id)))) == []


def test_values_of_a_database_are_replaced_in_columns_and_inside_of_json(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (said TEXT)")
        rows = [("u-7",), ('{"user": "u-7"}',), ("such as 'u-7'",), ("u-77",)]
        database.executemany("INSERT INTO t VALUES (?)", rows)
    database.close()
    keeper = Databases([tmp_path / "a.db"], person("u-7"))

    (held,) = cleaned(keeper)

    with sqlite3.connect(tmp_path / "a.db") as database:
        said = [row for (row,) in database.execute("SELECT said FROM t")]
    database.close()
    assert held.count == 3
    assert said == ["[forgotten]", '{"user": "[forgotten]"}', "such as '[forgotten]'", "u-77"]
    assert list(searched(keeper)) == []


def test_a_setting_that_equals_an_id_is_no_person(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE params (value TEXT)")
        database.execute("INSERT INTO params VALUES ('64'), ('home')")
    database.close()

    assert list(searched(Databases([tmp_path / "a.db"], person("64", "home")))) == []
