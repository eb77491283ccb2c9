from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.errors import InvalidDocument
from data_contracts.pseudonym import Pseudonyms
from data_contracts.tombstones import Tombstone, engrave, is_among, read_tombstones, tombstones_key

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PSEUDONYMS = Pseudonyms(b"a secret of at least 16 bytes", "demo")


def put(blobs, person, *marks, now=NOW):
    return engrave(blobs, "demo", person, marks, now=now, key_id="k")


def test_without_a_record_nobody_is_forgotten(blobs):
    found = read_tombstones(blobs, "demo")

    assert (found.tombstones.people, found.tag) == ({}, None)


def test_a_person_has_the_marks_of_all_their_ids(blobs):
    put(blobs, "ann", "ann", "cookie")

    found = read_tombstones(blobs, "demo").tombstones

    assert found.people == {"ann": Tombstone(at=NOW, marks=("ann", "cookie"))}
    assert found.marks == {"ann", "cookie"}


def test_marks_are_added_never_taken_away_and_the_first_time_stays(blobs):
    first = put(blobs, "ann", "ann")
    later = put(blobs, "ann", "cookie", now=NOW + timedelta(days=1))
    again = put(blobs, "ann", "ann", now=NOW + timedelta(days=2))

    assert (first, later, again) == (True, True, False)
    assert read_tombstones(blobs, "demo").tombstones.people["ann"] == Tombstone(at=NOW, marks=("ann", "cookie"))


def test_nobody_is_lost_when_many_are_forgotten_at_once(blobs):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: put(blobs, name, name), [f"u{n}" for n in range(8)]))

    assert read_tombstones(blobs, "demo").tombstones.marks == {f"u{n}" for n in range(8)}


def test_a_known_record_is_not_read_again(blobs):
    put(blobs, "ann", "ann")
    known = read_tombstones(blobs, "demo")

    assert read_tombstones(blobs, "demo", known.tag) is None
    put(blobs, "bob", "bob")
    assert read_tombstones(blobs, "demo", known.tag).tombstones.marks == {"ann", "bob"}


def test_a_foreign_record_is_refused_rather_than_taken_for_empty(blobs):
    blobs.create(tombstones_key("demo"), b'{"people":')

    with pytest.raises(InvalidDocument, match="tombstones/demo"):
        read_tombstones(blobs, "demo")


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("ann", True),
        (PSEUDONYMS.of("ann"), False),
        ("jane@example.com", True),
        (PSEUDONYMS.of("jane@example.com"), True),
        ("bob", False),
    ],
)
def test_an_id_is_known_as_the_source_has_it_and_as_the_lake_does(id, expected):
    marks = {PSEUDONYMS.of("ann"), PSEUDONYMS.of(PSEUDONYMS.of("jane@example.com"))}

    assert is_among(id, marks, PSEUDONYMS) == expected
