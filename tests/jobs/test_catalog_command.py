"""`recsys catalog` and `recsys identity`, on an installation where a release was published and on an empty one."""

import csv

import pytest

pytestmark = pytest.mark.slow

TENANT = ("--tenant", "clean")


@pytest.fixture
def published(installation):
    installation.published("dirty/clean")
    return installation, installation.tenants / "clean" / "items.csv"


def changed(path, price):
    """Give the first item another price, and drop the last one; their rows as they were."""
    with path.open() as file:
        rows = [*csv.DictReader(file)]
    first, last = dict(rows[0]), rows.pop()
    rows[0]["price_minor"] = str(price)
    with path.open("w") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerows(rows)
    return first, last


def test_what_the_source_changed_differs_from_what_is_served_until_it_is_published(published):
    installation, path = published
    assert installation.recsys("catalog", "diff", *TENANT) == 0
    first, last = changed(path, 4242)

    resynced = installation.json("catalog", "resync", *TENANT)
    found = installation.json("catalog", "diff", *TENANT, "--surface", "home")

    assert resynced["items"] == found["items"] == found["served"] - 1
    assert (found["not_served"]["count"], found["only_served"]["examples"]) == (0, [last["item_id"]])
    assert found["differing"]["price_minor"] == {
        "count": 1,
        "examples": [{"item_id": first["item_id"], "source": 4242, "served": int(first["price_minor"])}],
    }
    assert installation.recsys("catalog", "diff", *TENANT) == 1
    assert installation.recsys("run", "daily", *TENANT) == 0
    assert installation.recsys("catalog", "diff", *TENANT) == 0


def test_a_catalog_that_nobody_changed_is_read_again_to_the_same_bytes_and_tells_of_its_items(published):
    installation, path = published
    tables = ("items", "users", "item_changes", "catalog_report", "ledger", "staged_items")
    before = installation.files(*(f"lake/{table}" for table in tables))

    assert installation.recsys("catalog", "resync", *TENANT) == 0
    report = installation.json("catalog", *TENANT)
    shown = installation.json("catalog", "show", *TENANT, "--item", "i01")

    assert installation.files(*(f"lake/{table}" for table in tables)) == before
    assert (report["items"], report["archived"]) == (len(path.read_text().splitlines()) - 1, 0)
    assert [version["valid_to"] for version in shown["history"]] == [None]
    assert [(row["file"], row["row"]) for row in shown["said"]] == [("items.csv", 1)]
    assert installation.recsys("catalog", "show", *TENANT, "--item", "nothing") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("catalog", *TENANT), "no catalog"),
        (("catalog", "show", *TENANT, "--item", "i01"), "no catalog"),
        (("catalog", "diff", *TENANT), "no catalog"),
        (("catalog", "--tenant", "nobody"), "nobody"),
        (("identity", "link", *TENANT, "--anonymous-id", "d", "--user", "u"), "--reason"),
        (("identity", "link", *TENANT, "--anonymous-id", "", "--user", "u", "--reason", "r"), "anonymous_id"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else value,
)
def test_a_mistake_is_one_line_that_names_it(installation, arguments, said):
    installation.copy_of("dirty/clean")

    assert installation.recsys(*arguments) == 1
    assert said in installation.capture.readouterr().err


def test_reading_again_before_anything_was_read_makes_no_catalog(installation):
    installation.copy_of("dirty/clean")

    assert installation.json("catalog", "resync", *TENANT)["day"] is None


def test_links_are_said_taken_back_and_shown(installation):
    installation.copy_of("dirty/clean")
    pair = (*TENANT, "--anonymous-id", "d1", "--user", "ann", "--reason", "asked for")

    changes = [installation.json("identity", verb, *pair)["changed"] for verb in ("link", "link", "unlink", "unlink")]
    shown = installation.json("identity", "show", *TENANT)
    begun = installation.json("identity", "show", *TENANT, "--at", shown["entries"][0]["at"])

    assert changes == [True, False, True, False]
    assert [entry["action"] for entry in shown["entries"]] == ["link", "unlink"]
    assert (shown["linked"], shown["unlinked"]) == ({}, [["d1", "ann"]])
    assert begun["linked"] == {"d1": "ann"}
    assert installation.recsys("identity", "show", *TENANT) == 0
