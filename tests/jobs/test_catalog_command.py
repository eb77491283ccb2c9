"""`recsys catalog` and `recsys identity` on an installation where a release was published."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def published(installation):
    folder = installation.copy_of("dirty/clean")
    assert installation.recsys("run", "daily", "--tenant", "clean") == 0
    return installation, folder


def items(folder):
    return (folder / "items.csv").read_text().splitlines()


def test_a_published_catalog_is_the_source_catalog_until_the_source_changes(published):
    installation, folder = published
    header, first, *others = items(folder)
    assert installation.recsys("catalog", "diff", "--tenant", "clean") == 0

    (folder / "items.csv").write_text("\n".join([header, *others]) + "\n")
    resynced = installation.json("catalog", "resync", "--tenant", "clean")
    found = installation.json("catalog", "diff", "--tenant", "clean", "--surface", "home")

    assert resynced["items"] == len(others)
    assert (found["not_served"]["count"], found["only_served"]["count"]) == (0, 1)
    assert found["only_served"]["examples"] == [first.split(",")[0]]
    assert installation.recsys("catalog", "diff", "--tenant", "clean") == 1


def test_a_new_price_is_a_difference_until_it_is_published(published):
    installation, folder = published
    document = json.loads((folder / "tenant.json").read_text())
    header, first, *others = items(folder)
    column = header.split(",").index("price_minor")
    cells = first.split(",")
    before, cells[column] = int(cells[column]), "4242"
    (folder / "items.csv").write_text("\n".join([header, ",".join(cells), *others]) + "\n")
    installation.recsys("catalog", "resync", "--tenant", "clean")

    found = installation.json("catalog", "diff", "--tenant", "clean")

    assert document["tenant"] == "clean"
    assert found["differing"] == {
        "price_minor": {"count": 1, "examples": [{"item_id": cells[0], "source": 4242, "served": before}]}
    }
    assert installation.recsys("run", "daily", "--tenant", "clean") == 0
    assert installation.recsys("catalog", "diff", "--tenant", "clean") == 0


def test_reading_everything_again_changes_nothing(published):
    installation, _ = published
    before = installation.files("lake/items", "lake/users", "lake/item_changes", "lake/ledger", "lake/staged_items")

    installation.recsys("catalog", "resync", "--tenant", "clean")

    assert before == installation.files(
        "lake/items", "lake/users", "lake/item_changes", "lake/ledger", "lake/staged_items"
    )


def test_an_item_is_shown_with_its_history_and_the_row_it_came_from(published):
    installation, folder = published
    item = items(folder)[1].split(",")[0]

    found = installation.json("catalog", "show", "--tenant", "clean", "--item", item)

    assert found["item"]["item_id"] == item
    assert [version["valid_to"] for version in found["history"]] == [None]
    assert [(row["file"], row["row"]) for row in found["said"]] == [("items.csv", 1)]


def test_the_state_of_the_catalog_is_stated(published):
    installation, folder = published

    found = installation.json("catalog", "--tenant", "clean")

    assert (found["items"], found["archived"]) == (len(items(folder)) - 1, 0)
    assert installation.recsys("catalog", "--tenant", "clean") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("catalog", "show", "--tenant", "clean", "--item", "nothing"), "nothing"),
        (("catalog", "diff", "--tenant", "clean", "--surface", "nowhere"), "nowhere"),
        (("catalog", "--tenant", "nobody"), "nobody"),
        (("identity", "link", "--tenant", "clean", "--anonymous-id", "d", "--user", "u"), "--reason"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else value,
)
def test_a_mistake_is_one_line_that_names_it(published, arguments, said):
    installation, _ = published
    installation.capture.readouterr()

    assert installation.recsys(*arguments) == 1
    assert said in installation.capture.readouterr().err


def test_links_are_said_taken_back_and_shown(installation):
    installation.copy_of("dirty/clean")
    pair = ("--tenant", "clean", "--anonymous-id", "d1", "--user", "ann", "--reason", "asked for")

    changed = [installation.json("identity", verb, *pair)["changed"] for verb in ("link", "link", "unlink", "unlink")]
    shown = installation.json("identity", "show", "--tenant", "clean")
    begun = installation.json("identity", "show", "--tenant", "clean", "--at", shown["entries"][0]["at"])

    assert changed == [True, False, True, False]
    assert [entry["action"] for entry in shown["entries"]] == ["link", "unlink"]
    assert (shown["linked"], shown["unlinked"]) == ({}, [["d1", "ann"]])
    assert begun["linked"] == {"d1": "ann"}
