import json

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.pseudonym import Pseudonyms
from recsys_pipelines.privacy.in_landing import DeadLetters, ServerLogs
from recsys_pipelines.privacy.keeping import cleaned, searched
from recsys_pipelines.privacy.person import Person

PSEUDONYMS = Pseudonyms(b"a secret of at least 16 bytes", "demo")
ANN = Person("demo", PSEUDONYMS.of("u-7"), frozenset({"u-7"}), frozenset({PSEUDONYMS.of("u-7")}), PSEUDONYMS)


@pytest.fixture
def landing(tmp_path):
    return DirectoryBlobs(tmp_path / "landing")


def test_exposures_are_found_by_pseudonym_and_items_of_the_same_name_are_not(landing):
    lines = [
        {"subject": {"user": PSEUDONYMS.of("u-7")}, "items": [{"item_id": "i"}]},
        {"subject": {"user": PSEUDONYMS.of("u-8")}, "items": [{"item_id": "u-7"}]},
    ]
    key = "exposures/tenant=demo/date=2026-01-01/a.jsonl"
    landing.create(key, "".join(json.dumps(line) + "\n" for line in lines).encode() + b'{"half')

    (held,) = cleaned(ServerLogs(landing, ANN))

    assert held.count == 1
    assert landing.read(key) == (json.dumps(lines[1]) + "\n").encode() + b'{"half'


def test_another_tenant_with_the_same_id_keeps_its_lines(landing):
    landing.create("events/tenant=other/date=2026-01-01/a.jsonl", b'{"user_id":"u-7"}\n')

    assert list(searched(ServerLogs(landing, ANN))) == []


@pytest.mark.parametrize(
    ("value", "count"), [("eyJpZCI6InUtNyJ9", 1), ("cGVyc29uIHUtNyE=", 0), ("cGVyc29uIHUtNyA=", 1), ("dS03Nw==", 0)]
)
def test_dead_letters_are_searched_for_the_whole_id(landing, value, count):
    """They say {"id":"u-7"}, person u-7!, person u-7, u-77."""
    landing.create("dead/tenant=demo/source=s/a.jsonl", json.dumps({"reason": "x", "value": value}).encode())

    assert sum(held.count for held in searched(DeadLetters(landing, ANN))) == count
