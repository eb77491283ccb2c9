"""`recsys weights`, called as a shell would."""

import json


def test_it_shows_what_events_are_worth(installation):
    folder = installation.copy_of("ecommerce_mini")
    before = (folder / "tenant.json").read_bytes()

    said = installation.json("weights", "--tenant", "demo")

    assert said["weights"] == {"view": 0.05, "click": 0.2, "add": 0.7, "purchase": 1.0, "custom": 0.1}
    assert (said["half_life_days"], said["before"], said["diff"], said["written"]) == (30.0, [], "", False)
    assert (folder / "tenant.json").read_bytes() == before


def test_it_changes_the_document_and_nothing_else(installation):
    folder = installation.copy_of("ecommerce_mini")
    before = json.loads((folder / "tenant.json").read_text())

    arguments = ("--set", "purchase=2", "--set", "view=0.1", "--set-half-life", "14", "--set-category", "audio=7")
    said = installation.json("weights", "--tenant", "demo", *arguments)

    after = json.loads((folder / "tenant.json").read_text())
    assert after["interactions"].pop("half_life_by_category") == {"audio": 7.0}
    assert (after["interactions"]["weights"]["purchase"], after["interactions"]["weights"]["view"]) == (2.0, 0.1)
    assert after["interactions"]["half_life_days"] == 14.0
    assert {**after, "interactions": {}} == {**before, "interactions": {}}
    assert said["written"] is True
    assert installation.json("weights", "--tenant", "demo")["half_life_by_category"] == {"audio": 7.0}


def test_a_dry_run_writes_nothing(installation, capsys):
    folder = installation.copy_of("ecommerce_mini")
    before = (folder / "tenant.json").read_bytes()

    code = installation.recsys("weights", "--tenant", "demo", "--set-half-life", "none", "--dry-run")

    assert code == 0
    assert '"half_life_days": null' in capsys.readouterr().out
    assert (folder / "tenant.json").read_bytes() == before


def test_a_mistake_is_one_line(installation, capsys):
    installation.copy_of("ecommerce_mini")

    for option, value in (("--set", "purchase"), ("--set", "purchase=much"), ("--set", "stare=1")):
        assert installation.recsys("weights", "--tenant", "demo", option, value) == 1
        assert capsys.readouterr().err.count("error:") == 1
