"""The commands that report facts: on an installation with nothing in it, and on one where the demo ran."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def published(installation):
    installation.published("dirty/clean")
    return installation


def test_doctor_says_what_is_missing(installation):
    installation.copy_of("dirty/clean")

    health = installation.json("doctor", "--tenant", "clean")

    assert health["watermark"] is None
    assert [problem.split(" ")[2:4] for problem in health["problems"]] == [["has", "no"], ["serves", "nothing;"]]


def test_doctor_counts_rows_by_table_and_day_and_says_what_is_served(published):
    health = published.json("doctor", "--tenant", "clean")

    assert sum(health["rows"]["events"].values()) == 120
    assert health["problems"] == []
    assert {release["current"] for release in health["served"]} == {True}


def test_doctor_says_how_far_each_source_was_read_for_scripts_and_for_people(published):
    health = published.json("doctor", "--tenant", "clean")
    published.capture.readouterr()
    code = published.recsys("doctor", "--tenant", "clean")
    said = published.capture.readouterr().out

    events = next(source for source in health["sources"] if source["table"] == "events")
    assert code == 0
    assert events["newest"].startswith(health["watermark"])
    assert events["lag_s"] > 0
    assert [word for word in ("events.csv", "path", health["watermark"], "120") if word not in said] == []


def test_explain_says_where_each_item_comes_from_and_why_another_is_not_there(published):
    told = published.json("explain", "--tenant", "clean", "--user", "u20", "--item", "no-such-item", "--k", "3")

    assert len(told["items"]) == 3
    assert all(item["reasons"] for item in told["items"])
    assert told["why_not"]["verdict"] == "unknown_item"


def test_explain_answers_an_unknown_user(published):
    told = published.json("explain", "--tenant", "clean", "--user", "nobody", "--k", "3")

    assert told["fallback_level"] >= 3
    assert told["segment"] == "default"
    assert len(told["items"]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("explain", "--tenant", "clean", "--user", "u20", "--surface", "nowhere"), "nowhere", id="surface"
        ),
        pytest.param(
            ("rollback", "--tenant", "clean", "--surface", "home", "--to", "9", "--reason", "x"), "9", id="to"
        ),
        pytest.param(("doctor", "--tenant", "nobody"), "nobody", id="tenant"),
        pytest.param(("releases",), "--tenant", id="an option left out"),
        pytest.param(("releases", "--tenannt", "clean"), "--tenannt", id="an option misspelt"),
        pytest.param(("frobnicate",), "frobnicate", id="no such command"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(published, arguments, message):
    published.capture.readouterr()

    code = published.recsys(*arguments)

    said = published.capture.readouterr().err
    assert code == 1
    assert message in said
    assert "Traceback" not in said


def test_tenants_lists_the_known_and_names_the_broken(installation):
    installation.copy_of("dirty/clean")
    (installation.tenants / "broken.json").write_text("{}")

    listed = installation.json("tenants")

    assert [row["tenant"] for row in listed["known"]] == ["clean"]
    assert list(listed["broken"]) == [str(installation.tenants / "broken.json")]


def test_generate_writes_the_same_shop_for_the_same_seed(installation, tmp_path):
    size = ("--users", "40", "--items", "60", "--events", "300", "--days", "8")
    for name in ("a", "b"):
        installation.recsys("generate", str(tmp_path / name), *size)

    first, second = ([p.read_bytes() for p in sorted((tmp_path / name).rglob("*.csv"))] for name in ("a", "b"))

    assert first == second
    assert len(first) > 2


@pytest.mark.parametrize(
    "command", ["run daily", "releases", "rollback", "serve", "explain", "doctor", "generate", "ui"]
)
def test_help_teaches(installation, command):
    code = installation.recsys(*command.split(), "--help")

    said = installation.capture.readouterr().out
    assert code == 0
    assert said.count("\n") > 6
    assert "[required]" in said or "[default" in said
