"""The daily job from the command line, on the demo tenants: what a data engineer and CI rely on."""

import json

import pytest

pytestmark = pytest.mark.slow

STOPS = {  # folder -> what the message must name beside the file
    "half-invalid": ("events.csv", "120", "60", "type"),
    "unknown-items": ("60", "item"),
    "empty-file": ("events.csv", "empty"),
    "header-only": ("events.csv", "row"),
    "wrong-encoding": ("events.csv", "UTF-8"),
    "broken-line": ("events.csv",),
    "missing-column": ("events.csv", "item_id"),
    "renamed-column": ("events.csv", "item_id", "productId"),
}


def test_the_demo_is_published_and_a_second_run_changes_nothing(installation):
    first = installation.published("ecommerce_mini")
    lake, store = installation.files("lake"), released(installation)
    second = installation.json("run", "daily", "--tenant", "demo")

    assert (first["status"], second["status"]) == ("published", "unchanged"), (first["error"], second["error"])
    assert [each["generation"] for each in second["outcomes"]["surfaces"]] == [1, 1, 1]
    assert released(installation) == store
    changed = {path for path, body in installation.files("lake").items() if lake.get(path) != body}
    assert {path.split("/")[1] for path in changed} <= {"decisions", "outcomes", "training"}


def test_two_tenants_share_nothing(installation):
    installation.published("ecommerce_mini")
    installation.copy_of("video_mini")

    code = installation.recsys("run", "daily", "--tenant", "video")

    assert code == 0
    video = {path for path in installation.files("lake", "store") if "video" in path}
    demo = {path for path in installation.files("lake", "store") if "demo" in path}
    assert video
    assert demo
    assert not video & demo
    items = installation.lake.read("items", "video", max(installation.lake.days("items", "video")))
    assert not items["item_id"].str.starts_with("i").any()


def test_releases_and_rollback_speak_json(installation):
    installation.published("ecommerce_mini")
    folder = installation.tenants / "ecommerce_mini"
    document = json.loads((folder / "tenant.json").read_text())
    document["ranking"]["weights"]["cooccurrence"] = 0.7
    (folder / "tenant.json").write_text(json.dumps(document))
    installation.recsys("run", "daily", "--tenant", "demo")

    before = installation.json("releases", "--tenant", "demo")
    moved = installation.json(
        "rollback", "--tenant", "demo", "--surface", "home", "--to", "1", "--reason", "a test of going back"
    )
    after = installation.json("releases", "--tenant", "demo")

    assert set(before[0]) == {"surface", "generation", "current", "created_at", "decision", "metrics"}
    assert current(before) == {"home": 2, "pdp": 2, "cart": 2}
    assert (moved["from_generation"], moved["to_generation"]) == (2, 1)
    assert current(after) == {"home": 1, "pdp": 2, "cart": 2}


@pytest.mark.parametrize("folder", STOPS)
def test_a_bad_batch_stops_before_publishing_and_says_where(installation, folder):
    installation.copy_of(f"dirty/{folder}")

    code = installation.recsys("run", "daily", "--tenant", folder)

    said = "".join(installation.capture.readouterr())
    assert code == 4
    assert [word for word in STOPS[folder] if word not in said] == []
    assert not (installation.home / "store" / "current").exists()


def test_a_batch_from_the_future_stops_before_publishing_and_says_where(installation):
    folder = installation.copy_of("dirty/clean")
    events = (folder / "events.csv").read_text()
    (folder / "events.csv").write_text(events.replace("2026-01-", "2099-01-"))

    code = installation.recsys("run", "daily", "--tenant", "clean")

    said = "".join(installation.capture.readouterr())
    assert code == 4
    assert [word for word in ("events.csv", "120", "minutes ahead of our clock", "2099-01-") if word not in said] == []
    assert not (installation.home / "store" / "current").exists()


def test_after_a_bad_batch_the_last_good_generation_is_still_served(installation):
    installation.published("dirty/clean")
    folder = installation.tenants / "clean"
    served = installation.files("store/current")
    bad = installation.copy_of("dirty/half-invalid") / "events.csv"
    (folder / "events.csv").write_bytes(bad.read_bytes())

    code = installation.recsys("run", "daily", "--tenant", "clean")

    assert code == 4
    assert installation.files("store/current") == served


def test_a_range_of_days_is_one_run_as_of_its_last_day(installation):
    installation.copy_of("dirty/clean")

    report = installation.json("run", "daily", "--tenant", "clean", "--from", "2026-01-03", "--to", "2026-01-07")

    assert (report["status"], report["day"]) == ("published", "2026-01-07")
    assert str(max(installation.lake.days("events", "clean"))) == "2026-01-07"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--tenant", "nobody"), "no tenant 'nobody'", id="an unknown tenant"),
        pytest.param(("--tenant", "demo", "--from", "1999-01-01", "--to", "1999-01-02"), "begins on", id="before it"),
        pytest.param(("--tenant", "demo", "--to", "2999-01-01"), "last complete day", id="a day to come"),
        pytest.param(("--tenant", "demo", "--to", "yesterday"), "yesterday", id="no date"),
        pytest.param((), "--tenant", id="no tenant"),
    ],
)
def test_a_mistake_is_one_line_without_a_stack_trace(installation, arguments, message):
    installation.copy_of("ecommerce_mini")

    code = installation.recsys("run", "daily", *arguments)

    said = installation.capture.readouterr().err
    assert code == 1
    assert message in said
    assert "Traceback" not in said


def released(installation):
    """The store but for what is announced: that a run took place is told each time."""
    ours = ("store/outbox/", "store/.store/")  # announcements, and the locks behind compare-and-swap
    return {path: body for path, body in installation.files("store").items() if not path.startswith(ours)}


def current(releases):
    return {each["surface"]: each["generation"] for each in releases if each["current"]}
